import { defineConfig, type Plugin } from "vite";

/**
 * What the page may load: itself and the node that served it, nothing else.
 * It stands in the page so that it holds whatever headers a proxy adds or drops.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Only in the build: the development server injects inline styles. */
function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

const node = process.env.MUSTER_URL ?? "http://127.0.0.1:7700";

export default defineConfig({
  // Relative addresses, so that the page also works behind a path prefix.
  base: "./",
  plugins: [contentSecurityPolicy()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy: { "/v1": node, "/openapi.json": node } },
});
