package io.sluice.browse;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.sluice.files.Quoted;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Serves folders of features to browsers on this machine.
 *
 * <p>It listens on 127.0.0.1 alone. Every address begins with a random token, so that other users
 * of the machine, who can connect as well, get nothing. Requests that name another host are
 * refused: a foreign site whose name was made to point here cannot read the answers. Only GET and
 * HEAD are answered, from memory and from the folders' readers; no part of an address becomes a
 * path. Safe for use by several threads.
 */
public final class FeatureServer implements AutoCloseable {
  private static final int TOKEN_BYTES = 24;
  private static final int LONGEST_SEARCH = 200;
  private static final String JSON = "application/json; charset=utf-8";
  private static final String TEXT = "text/plain; charset=utf-8";
  private static final String BYTES = "application/octet-stream";

  static {
    // Head and body of an answer are written apart; without this the body waits 40 ms for the
    // acknowledgement of the head. The JDK reads it once, when its server is loaded.
    if (System.getProperty("sun.net.httpserver.nodelay") == null) {
      System.setProperty("sun.net.httpserver.nodelay", "true");
    }
  }

  private final HttpServer server;
  private final ExecutorService threads;
  private final String token;
  private final Set<String> hosts;
  private final List<ServedFeatures> dictionaries;
  private final BrowsePage.Rendered page;

  /** The content of an answer. */
  private record Answer(int status, String type, byte[] body) {
    static Answer text(int status, String line) {
      return new Answer(status, TEXT, (line + "\n").getBytes(StandardCharsets.UTF_8));
    }
  }

  private FeatureServer(BrowsedFeatures browsed, HttpServer server) throws IOException {
    this.server = server;
    threads = Executors.newVirtualThreadPerTaskExecutor();
    byte[] random = new byte[TOKEN_BYTES];
    new SecureRandom().nextBytes(random);
    token = Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    int port = server.getAddress().getPort();
    hosts = Set.of("127.0.0.1:" + port, "localhost:" + port);
    List<ServedFeatures> served = new ArrayList<>();
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    ArrayNode pages = data.putArray("dictionaries");
    for (int which = 0; which < browsed.folders().size(); which++) {
      served.add(new ServedFeatures(browsed, which, threads));
      pages
          .addObject()
          .set("summary", BrowsePage.summary(browsed, which, served.get(which).list()));
    }
    dictionaries = List.copyOf(served);
    page = BrowsePage.render(BrowsePage.title(browsed), data, true);
  }

  /**
   * Starts to serve.
   *
   * @param port the port, or 0 for a free one
   * @throws IOException if the port is taken, or a file of the folder is damaged
   */
  public static FeatureServer start(BrowsedFeatures browsed, int port) throws IOException {
    InetAddress local = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    HttpServer server;
    try {
      server = HttpServer.create(new InetSocketAddress(local, port), 0);
    } catch (BindException e) {
      throw new IOException(
          "port %d cannot be used (%s); name another with --port, or leave it out for a free one"
              .formatted(port, e.getMessage()),
          e);
    }
    try {
      FeatureServer made = new FeatureServer(browsed, server);
      server.createContext("/", made::handle);
      server.setExecutor(made.threads);
      server.start();
      return made;
    } catch (IOException | RuntimeException e) {
      server.stop(0);
      throw e;
    }
  }

  /** The address of the page, with the token. */
  public URI address() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/" + token + "/");
  }

  /** Stops at once. */
  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      Answer answer;
      try {
        answer = answer(exchange);
      } catch (CompletionException e) {
        answer = failed(e.getCause());
      } catch (RuntimeException e) {
        answer = failed(e);
      }
      send(exchange, answer);
    }
  }

  private static Answer failed(Throwable failure) {
    Throwable told = failure instanceof UncheckedIOException io ? io.getCause() : failure;
    return Answer.text(500, Quoted.line(String.valueOf(told.getMessage())));
  }

  private Answer answer(HttpExchange exchange) {
    String method = exchange.getRequestMethod();
    if (!method.equals("GET") && !method.equals("HEAD")) {
      exchange.getResponseHeaders().set("Allow", "GET, HEAD");
      return Answer.text(405, "only GET and HEAD are answered");
    }
    String host = exchange.getRequestHeaders().getFirst("Host");
    if (host == null || !hosts.contains(host)) {
      return Answer.text(421, "this server answers for 127.0.0.1 alone");
    }
    String path = exchange.getRequestURI().getRawPath();
    int end = path.indexOf('/', 1);
    if (end < 0 || !isToken(path.substring(1, end))) {
      return Answer.text(404, "no such page; open the address that 'sluice browse' printed");
    }
    return content(path.substring(end + 1), exchange.getRequestURI().getRawQuery());
  }

  /** Takes the same time wherever the first wrong character is. */
  private boolean isToken(String given) {
    return MessageDigest.isEqual(
        given.getBytes(StandardCharsets.UTF_8), token.getBytes(StandardCharsets.UTF_8));
  }

  /** The second dictionary's answers have 2/ before their names. */
  private Answer content(String name, String query) {
    if (name.isEmpty()) {
      return new Answer(200, "text/html; charset=utf-8", page.html());
    }
    boolean second = name.startsWith("2/") && dictionaries.size() > 1;
    ServedFeatures from = dictionaries.get(second ? 1 : 0);
    return content(from, second ? name.substring(2) : name, query);
  }

  private static Answer content(ServedFeatures from, String name, String query) {
    if (name.equals("columns")) {
      return new Answer(200, BYTES, from.columns());
    }
    if (name.equals("tokens")) {
      return new Answer(200, JSON, from.tokens());
    }
    if (name.equals("search")) {
      return search(from, query);
    }
    if (name.startsWith("feature/")) {
      return feature(from, name.substring("feature/".length()));
    }
    return Answer.text(404, "no such page");
  }

  private static Answer search(ServedFeatures from, String query) {
    if (query == null || !query.startsWith("text=")) {
      return Answer.text(400, "a search needs a text");
    }
    String text;
    try {
      text = URLDecoder.decode(query.substring("text=".length()), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return Answer.text(400, "the text of the search is malformed");
    }
    if (text.length() > LONGEST_SEARCH) {
      return Answer.text(400, "a search has at most " + LONGEST_SEARCH + " characters");
    }
    return new Answer(200, BYTES, from.find(text));
  }

  private static Answer feature(ServedFeatures from, String number) {
    int features = from.features();
    if (!number.matches("\\d{1,9}") || Integer.parseInt(number) >= features) {
      return Answer.text(
          404,
          String.format(Locale.ROOT, "there is no such feature; there are %,d, from 0", features));
    }
    return new Answer(200, JSON, from.feature(Integer.parseInt(number)));
  }

  private void send(HttpExchange exchange, Answer answer) throws IOException {
    Headers headers = exchange.getResponseHeaders();
    headers.set("Content-Type", answer.type());
    headers.set("Content-Security-Policy", page.policy() + "; frame-ancestors 'none'");
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("X-Frame-Options", "DENY");
    headers.set("Referrer-Policy", "no-referrer");
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
    headers.set("Cross-Origin-Opener-Policy", "same-origin");
    headers.set("Cache-Control", "no-store");
    if (exchange.getRequestMethod().equals("HEAD")) {
      headers.set("Content-Length", String.valueOf(answer.body().length));
      exchange.sendResponseHeaders(answer.status(), -1);
      return;
    }
    exchange.sendResponseHeaders(answer.status(), answer.body().length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(answer.body());
    }
  }
}
