package io.sluice.browse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.report.Chromium;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * A headless Chromium that is driven step by step, in real time, from a fresh profile. It finds no
 * host but 127.0.0.1.
 */
final class DevTools implements AutoCloseable, WebSocket.Listener {
  private static final JsonMapper JSON = new JsonMapper();

  private final Process process;
  private final Path profile;
  private final Map<Integer, CompletableFuture<JsonNode>> calls = new ConcurrentHashMap<>();
  private final AtomicInteger next = new AtomicInteger();
  private final StringBuilder received = new StringBuilder();
  private final List<String> requests = new CopyOnWriteArrayList<>();
  private final List<String> console = new CopyOnWriteArrayList<>();
  private WebSocket socket;
  private String session;

  private DevTools(Process process, Path profile) {
    this.process = process;
    this.profile = profile;
  }

  /** Starts a browser; the calling test is skipped where there is none. */
  static DevTools start(Path scratch) throws Exception {
    Path profile = Files.createTempDirectory(scratch, "profile");
    Process process =
        new ProcessBuilder(
                Chromium.program().toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    DevTools tools = new DevTools(process, profile);
    BufferedReader log = process.errorReader(StandardCharsets.UTF_8);
    String line = log.readLine();
    while (line != null && !line.startsWith("DevTools listening on ")) {
      line = log.readLine();
    }
    if (line == null) {
      throw new IOException("Chromium ended before it listened");
    }
    Thread.ofPlatform().daemon().start(() -> log.lines().forEach(rest -> {}));
    tools.socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(URI.create(line.substring("DevTools listening on ".length())), tools)
            .get(30, TimeUnit.SECONDS);
    String target =
        tools
            .call("Target.createTarget", JSON.createObjectNode().put("url", "about:blank"))
            .get("targetId")
            .asText();
    tools.session =
        tools
            .call(
                "Target.attachToTarget",
                JSON.createObjectNode().put("targetId", target).put("flatten", true))
            .get("sessionId")
            .asText();
    for (String domain : List.of("Page", "Runtime", "Network", "Log")) {
      tools.call(domain + ".enable", JSON.createObjectNode());
    }
    return tools;
  }

  /** Sets the size of the window, and light or dark. */
  void look(int width, int height, boolean dark) throws Exception {
    call(
        "Emulation.setDeviceMetricsOverride",
        JSON.createObjectNode()
            .put("width", width)
            .put("height", height)
            .put("deviceScaleFactor", 1)
            .put("mobile", false));
    ObjectNode media = JSON.createObjectNode();
    media
        .putArray("features")
        .addObject()
        .put("name", "prefers-color-scheme")
        .put("value", dark ? "dark" : "light");
    call("Emulation.setEmulatedMedia", media);
  }

  /** Opens a page and waits until {@code ready}, an expression, is true in it. */
  void open(URI page, String ready) throws Exception {
    call("Page.navigate", JSON.createObjectNode().put("url", page.toString()));
    await(ready);
  }

  /** Waits until an expression is true. */
  void await(String expression) throws Exception {
    evaluate(
        "new Promise((done, fail) => { const end = Date.now() + 60000; const look = () => {"
            + " let is = false; try { is = "
            + expression
            + "; } catch (early) { is = false; }"
            + " if (is) done(true); else if (Date.now() > end) fail(new Error('waited for '"
            + " + "
            + JSON.writeValueAsString(expression)
            + ")); else setTimeout(look, 10); }; look(); })");
  }

  /** The value of an expression, or of the promise that it is. */
  JsonNode evaluate(String expression) throws Exception {
    JsonNode answer =
        call(
            "Runtime.evaluate",
            JSON.createObjectNode()
                .put("expression", expression)
                .put("awaitPromise", true)
                .put("returnByValue", true));
    if (answer.has("exceptionDetails")) {
      throw new IOException(answer.get("exceptionDetails").toString());
    }
    return answer.get("result").path("value");
  }

  /** Presses a key where the focus is. */
  void press(String key, int code, String text) throws Exception {
    ObjectNode down =
        JSON.createObjectNode()
            .put("type", "keyDown")
            .put("key", key)
            .put("windowsVirtualKeyCode", code);
    if (text != null) {
      down.put("text", text);
    }
    call("Input.dispatchKeyEvent", down);
    call("Input.dispatchKeyEvent", down.deepCopy().put("type", "keyUp"));
  }

  /** Moves the mouse. */
  void point(double x, double y) throws Exception {
    call(
        "Input.dispatchMouseEvent",
        JSON.createObjectNode().put("type", "mouseMoved").put("x", x).put("y", y));
  }

  /** What the window shows, as PNG. */
  byte[] screenshot(boolean whole) throws Exception {
    ObjectNode how = JSON.createObjectNode().put("format", "png");
    how.put("captureBeyondViewport", whole);
    if (whole) {
      ObjectNode clip = how.putObject("clip");
      clip.put("x", 0).put("y", 0).put("scale", 1);
      clip.put("width", evaluate("innerWidth").asInt());
      clip.put("height", evaluate("document.documentElement.scrollHeight").asInt());
    }
    return Base64.getDecoder().decode(call("Page.captureScreenshot", how).get("data").asText());
  }

  /** Addresses that the page asked for. */
  List<String> requests() {
    return requests;
  }

  /** What the page wrote to the console, and what the browser refused it. */
  List<String> console() {
    return console;
  }

  private JsonNode call(String method, ObjectNode parameters) throws Exception {
    int id = next.incrementAndGet();
    ObjectNode message = JSON.createObjectNode().put("id", id).put("method", method);
    message.set("params", parameters);
    if (session != null) {
      message.put("sessionId", session);
    }
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    calls.put(id, answer);
    socket.sendText(message.toString(), true).get(30, TimeUnit.SECONDS);
    return answer.get(120, TimeUnit.SECONDS);
  }

  @Override
  public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
    received.append(part);
    if (last) {
      String text = received.toString();
      received.setLength(0);
      try {
        take(JSON.readTree(text));
      } catch (IOException e) {
        console.add(e.getMessage());
      }
    }
    from.request(1);
    return null;
  }

  private void take(JsonNode message) {
    if (message.has("id")) {
      CompletableFuture<JsonNode> call = calls.remove(message.get("id").asInt());
      if (message.has("error")) {
        call.completeExceptionally(new IOException(message.get("error").toString()));
      } else {
        call.complete(message.get("result"));
      }
      return;
    }
    JsonNode about = message.path("params");
    switch (message.path("method").asText()) {
      case "Network.requestWillBeSent" -> requests.add(about.at("/request/url").asText());
      case "Runtime.consoleAPICalled" -> console.add(about.get("args").toString());
      case "Runtime.exceptionThrown" -> console.add(about.get("exceptionDetails").toString());
      case "Log.entryAdded" -> console.add(about.at("/entry/text").asText());
      default -> {}
    }
  }

  @Override
  public void close() throws Exception {
    socket.abort();
    // Chromium's own processes may write into the profile after the first has ended.
    List<ProcessHandle> all =
        Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
    process.destroy();
    for (ProcessHandle each : all) {
      try {
        each.onExit().get(20, TimeUnit.SECONDS);
      } catch (TimeoutException e) {
        each.destroyForcibly();
        each.onExit().get(20, TimeUnit.SECONDS);
      }
    }
    // Links that lead out of the profile, whose folder is deleted next.
    for (String link : List.of("SingletonSocket", "SingletonLock", "SingletonCookie")) {
      Files.deleteIfExists(profile.resolve(link));
    }
  }
}
