//! The one screen of `muster up`: what the market is doing, redrawn a few times a second.

use std::io::{IsTerminal, Stderr};

use anyhow::{Context, Result};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use muster_peer::Behaviour;
use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Gauge, Paragraph, Row, Table, Wrap};
use tokio::sync::mpsc;

use super::supervisor::{Report, State};
use super::view::{PeerView, View};
use crate::output::{colours_wanted, is_seen, mst, number};

/// Lines for what was worth saying.
const NOTES: u16 = 5;

/// The terminal while it belongs to the screen; given back when this is dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    palette: Palette,
}

impl Screen {
    /// Whether there is a terminal to draw on and to read keys from.
    pub fn possible() -> bool {
        std::io::stderr().is_terminal()
            && std::io::stdin().is_terminal()
            && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
    }

    /// Takes the terminal. A message on the channel means that a key asked to end.
    pub fn open() -> Result<(Self, mpsc::UnboundedReceiver<()>)> {
        crossterm::terminal::enable_raw_mode().context("cannot read keys from the terminal")?;
        let mut screen = Self {
            terminal: Terminal::new(CrosstermBackend::new(std::io::stderr()))
                .context("cannot draw on the terminal")?,
            palette: Palette { colours: colours_wanted() },
        };
        crossterm::execute!(
            screen.terminal.backend_mut(),
            crossterm::terminal::EnterAlternateScreen
        )?;
        let (sender, receiver) = mpsc::unbounded_channel();
        // Reading keys blocks; the thread ends with the process.
        std::thread::spawn(move || read_keys(&sender));
        Ok((screen, receiver))
    }

    /// Draws a moment.
    pub fn draw(&mut self, view: &View) -> Result<()> {
        let palette = self.palette;
        self.terminal.draw(|frame| draw(frame, view, palette)).context("cannot draw")?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was; harmless where it was never taken.
pub fn restore() {
    if crossterm::terminal::is_raw_mode_enabled().unwrap_or(false) {
        crossterm::execute!(
            std::io::stderr(),
            crossterm::terminal::LeaveAlternateScreen,
            crossterm::cursor::Show
        )
        .ok();
        crossterm::terminal::disable_raw_mode().ok();
    }
}

fn read_keys(sender: &mpsc::UnboundedSender<()>) {
    while let Ok(event) = event::read() {
        let Event::Key(key) = event else { continue };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        let interrupt =
            key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        if (interrupt || key.code == KeyCode::Char('q')) && sender.send(()).is_err() {
            return;
        }
    }
}

/// Styles, or none where the user wants no colours.
#[derive(Clone, Copy)]
struct Palette {
    colours: bool,
}

impl Palette {
    fn colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn faint(self) -> Style {
        if self.colours { Style::new().fg(Color::DarkGray) } else { Style::new() }
    }

    fn state(self, report: &Report) -> Style {
        match report.state {
            State::Running => self.colour(Color::Green),
            State::GivenUp => self.colour(Color::Red),
            _ => self.colour(Color::Yellow),
        }
    }
}

fn draw(frame: &mut Frame<'_>, view: &View, palette: Palette) {
    let validators = u16::try_from(view.validators.len()).unwrap_or(u16::MAX);
    let peers = u16::try_from(view.peers.len()).unwrap_or(u16::MAX);
    let [head, progress, _, committee, _, market, _, notes, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Max(validators.saturating_add(1)),
        Constraint::Length(1),
        Constraint::Max(peers.saturating_add(1)),
        Constraint::Length(1),
        Constraint::Min(NOTES),
        Constraint::Length(1),
    ])
    .areas(frame.area().inner(ratatui::layout::Margin::new(1, 0)));
    draw_head(frame, head, view, palette);
    draw_progress(frame, progress, view, palette);
    draw_validators(frame, committee, view, palette);
    draw_peers(frame, market, view, palette);
    draw_notes(frame, notes, view, palette);
    let keys = format!(
        "q or Ctrl-C ends the market; the same command goes on. Files: {}",
        view.home.display()
    );
    frame.render_widget(Paragraph::new(keys).style(palette.faint()), foot);
    // Whatever was drawn above, nothing from outside commands the terminal.
    for cell in &mut frame.buffer_mut().content {
        if !cell.symbol().chars().all(is_seen) {
            cell.set_char('\u{fffd}');
        }
    }
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, view: &View, palette: Palette) {
    let mut title = vec![
        Span::styled("Muster", palette.strong()),
        Span::raw("   dashboard "),
        Span::styled(view.url.clone(), palette.colour(Color::Cyan)),
        Span::styled(format!("   seed {}", view.seed), palette.faint()),
    ];
    let line = match &view.status {
        None => vec![Span::raw("waiting for the first block")],
        Some(status) => {
            title.push(Span::styled(
                format!("   chain {:.8}", status.chain.to_string()),
                palette.faint(),
            ));
            vec![
                Span::styled(format!("height {}", status.height), palette.strong()),
                Span::raw(format!(
                    "   {:.2} blocks/s   epoch {}   {} transactions   supply {} MST (+{} minted, −{} burned)",
                    status.blocks_per_second,
                    status.epoch,
                    status.transactions,
                    mst(status.supply.total.grains()),
                    mst(status.supply.minted.grains()),
                    mst(status.supply.burned.grains()),
                )),
            ]
        }
    };
    frame.render_widget(Paragraph::new(vec![Line::from(title), Line::from(line)]), area);
}

fn draw_progress(frame: &mut Frame<'_>, area: Rect, view: &View, palette: Palette) {
    let elapsed =
        humantime::format_duration(std::time::Duration::from_secs(view.elapsed.as_secs()));
    let Some(duration) = view.duration else {
        let text = format!("running for {elapsed}");
        return frame.render_widget(Paragraph::new(text).style(palette.faint()), area);
    };
    let part = (view.elapsed.as_secs_f64() / duration.as_secs_f64().max(1e-3)).clamp(0.0, 1.0);
    let gauge = Gauge::default()
        .ratio(part)
        .label(format!("{elapsed} of {}", humantime::format_duration(duration)))
        .use_unicode(true)
        .gauge_style(if palette.colours {
            Style::new().fg(Color::Blue).bg(Color::Black)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        });
    frame.render_widget(gauge, area);
}

fn draw_validators(frame: &mut Frame<'_>, area: Rect, view: &View, palette: Palette) {
    let rows = view.validators.iter().map(|one| {
        let height = one.height.map_or_else(|| "–".into(), |height| height.to_string());
        Row::new(vec![
            Cell::from(one.name.clone()),
            Cell::from(Span::styled(one.report.state.word(), palette.state(&one.report))),
            right(height, 8),
            right(one.report.restarts.to_string(), 8),
            right(one.report.process.map_or_else(|| "–".into(), |id| id.to_string()), 9),
        ])
    });
    let widths = [16, 10, 8, 8, 9].map(Constraint::Length);
    let header = ["validator", "state", "  height", "restarts", "  process"];
    let header = Row::new(header.map(Cell::from)).style(palette.strong());
    frame.render_widget(Table::new(rows, widths).header(header).column_spacing(2), area);
}

/// Name and width of each column of the peers.
const PEER_COLUMNS: [(&str, u16); 11] = [
    ("peer", 14),
    ("behaviour", 9),
    ("state", 10),
    ("steps", 7),
    ("alone", 8),
    ("with net", 8),
    ("student", 8),
    ("gain ±2se", 16),
    ("stake", 11),
    ("trust", 6),
    ("incentive", 9),
];

fn draw_peers(frame: &mut Frame<'_>, area: Rect, view: &View, palette: Palette) {
    let rows = view.peers.iter().map(|one| peer_row(one, palette));
    let header = PEER_COLUMNS.iter().enumerate().map(|(index, (name, width))| {
        let width = usize::from(*width);
        Cell::from(if index < 3 { (*name).to_owned() } else { format!("{name:>width$}") })
    });
    let header = Row::new(header).style(palette.strong());
    let widths = PEER_COLUMNS.map(|(_, width)| Constraint::Length(width));
    frame.render_widget(Table::new(rows, widths).header(header).column_spacing(1), area);
}

fn peer_row(one: &PeerView, palette: Palette) -> Row<'static> {
    let width = |column: usize| usize::from(PEER_COLUMNS[column].1);
    let telemetry = one.peer.as_ref().and_then(|peer| peer.telemetry.as_ref());
    let behaviour = match one.behaviour {
        Behaviour::Honest => Style::new(),
        _ => palette.colour(Color::Magenta),
    };
    let alone = telemetry.and_then(|telemetry| telemetry.loss_alone);
    let network = telemetry.and_then(|telemetry| telemetry.loss_with_network);
    let error = telemetry.and_then(|telemetry| telemetry.loss_standard_error);
    let gain = alone.zip(network).map(|(alone, network)| alone - network);
    let sure = gain.zip(error).is_some_and(|(gain, error)| gain > 2.0 * error);
    let gain_text = match (gain, error) {
        (Some(gain), Some(error)) => format!("{gain:+.4} ±{:.4}", 2.0 * error),
        (Some(gain), None) => format!("{gain:+.4}"),
        (None, _) => "–".into(),
    };
    let gain_style = if sure { palette.colour(Color::Green) } else { Style::new() };
    let stake = one.peer.as_ref().map(|peer| peer.stake.grains());
    let change = stake.zip(one.stake_start).map_or(Style::new(), |(now, start)| {
        if now > start { palette.colour(Color::Green) } else { Style::new() }
    });
    Row::new(vec![
        Cell::from(one.name.clone()),
        Cell::from(Span::styled(one.behaviour.name(), behaviour)),
        Cell::from(Span::styled(one.report.state.word(), palette.state(&one.report))),
        right(
            telemetry.map_or_else(|| "–".into(), |telemetry| telemetry.steps.to_string()),
            width(3),
        ),
        right(number(alone, 4), width(4)),
        right(number(network, 4), width(5)),
        right(number(telemetry.and_then(|telemetry| telemetry.loss_student), 4), width(6)),
        right(gain_text, width(7)).style(gain_style),
        right(stake.map_or_else(|| "–".into(), mst), width(8)).style(change),
        right(number(one.peer.as_ref().map(|peer| peer.trust), 3), width(9)),
        right(number(one.peer.as_ref().map(|peer| peer.incentive), 4), width(10)),
    ])
}

fn right(text: String, width: usize) -> Cell<'static> {
    Cell::from(format!("{text:>width$}"))
}

fn draw_notes(frame: &mut Frame<'_>, area: Rect, view: &View, palette: Palette) {
    let shown = view.notes.len().saturating_sub(usize::from(area.height));
    let lines = view.notes[shown..].iter().map(|note| Line::from(note.clone())).collect::<Vec<_>>();
    let notes =
        Paragraph::new(lines).wrap(Wrap { trim: true }).style(palette.colour(Color::Yellow));
    frame.render_widget(notes, area);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_others_say_commands_no_terminal() {
        let hostile = "x\u{1b}[2J\u{202e}y\u{200b}z\u{9b}31m\u{2066}";
        let view = View {
            seed: 1,
            home: hostile.into(),
            url: hostile.to_owned(),
            elapsed: Duration::ZERO,
            duration: None,
            status: None,
            height_start: None,
            validators: Vec::new(),
            peers: Vec::new(),
            notes: vec![hostile.to_owned()],
        };
        let backend = ratatui::backend::TestBackend::new(120, 24);
        let mut terminal = Terminal::new(backend).expect("in memory");
        let palette = Palette { colours: true };
        terminal.draw(|frame| draw(frame, &view, palette)).expect("in memory");
        let cells = &terminal.backend().buffer().content;
        let text = cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>();
        assert!(text.chars().all(is_seen), "{text:?}");
        assert_eq!(text.matches("[2J").count(), 3, "{text:?}");
    }
}
