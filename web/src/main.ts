/** The page: makes the views, connects them with the node that served it. */

import "uplot/dist/uPlot.min.css";
import "./styles/index.css";
import { Client } from "./api/client.ts";
import { h } from "./dom.ts";
import { Feed } from "./state/feed.ts";
import { type Keeper, LossHistory } from "./state/losses.ts";
import { Store } from "./state/store.ts";
import { startTheme } from "./theme.ts";
import { eventsView, transactionsView } from "./views/activity.ts";
import { blocksView } from "./views/blocks.ts";
import { chartsView } from "./views/charts.ts";
import { Detail } from "./views/detail.ts";
import { footerView } from "./views/footer.ts";
import { graphView } from "./views/graph.ts";
import { headerView } from "./views/header.ts";
import { noticeView } from "./views/notice.ts";
import { peersView } from "./views/peers.ts";
import { presenceView } from "./views/presence.ts";
import { tilesView } from "./views/tiles.ts";
import { validatorsView } from "./views/validators.ts";
import type { View } from "./views/view.ts";

/** A hidden page goes on for this long, then rests until it is looked at again. */
const HIDDEN_MS = 60_000;

function keeper(): Keeper | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}

function restWhileHidden(feed: Feed): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => feed.stop(), HIDDEN_MS);
    else feed.start();
  });
}

function main(): void {
  const store = new Store();
  const client = new Client(document.baseURI);
  const detail = new Detail(client, store);
  const views: View[] = [];
  const themeChanged = () => {
    for (const view of views) view.themeChanged?.();
  };
  startTheme(themeChanged);
  const add = <V extends View>(view: V): V => {
    views.push(view);
    return view;
  };
  document.body.append(
    h("a", { class: "skip", href: "#main" }, "Skip to the content"),
    add(headerView(themeChanged, (text) => detail.search(text))).element,
    h(
      "main",
      { id: "main", tabindex: -1 },
      add(noticeView()).element,
      add(tilesView()).element,
      add(blocksView()).element,
      add(peersView()).element,
      add(presenceView()).element,
      add(chartsView()).element,
      h("div", { class: "columns" }, add(graphView()).element, add(transactionsView()).element),
      h("div", { class: "columns" }, add(eventsView()).element, add(validatorsView()).element),
    ),
    add(footerView()).element,
    detail.element,
  );
  store.subscribe((state) => {
    for (const view of views) view.update(state);
  });
  store.update({});
  const feed = new Feed(client, store, new LossHistory(keeper()));
  feed.start();
  restWhileHidden(feed);
  detail.follow();
}

main();
