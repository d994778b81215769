package io.sluice.hub;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A server on this machine that answers as the HuggingFace hub does, with a second server for large
 * files as its content delivery network. Small files lie in git: their ETag is git's SHA-1, and a
 * relative redirect leads to them. Large ones are sent from the other server, whose address is
 * signed; {@code X-Linked-Etag} and {@code X-Linked-Size} describe them. Python's {@code
 * huggingface_hub} fetches from it, too.
 */
public final class PlayedHub implements AutoCloseable {
  /** Files at least as long as this are large. */
  public static final int LARGE = 1000;

  private static final int NOT_FOUND = 404;

  private final HttpServer hub = server();
  private final HttpServer network = server();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, Repository> repositories = new ConcurrentHashMap<>();
  private final List<Fault> faults = new ArrayList<>();

  /** All requests. */
  private final List<Asked> asked = new CopyOnWriteArrayList<>();

  /**
   * A request.
   *
   * @param server {@code hub}, or {@code network} for large files
   */
  public record Asked(
      String server, String method, String path, String token, String range, String version) {}

  /** Answers a request in its own way. */
  @FunctionalInterface
  public interface Fault {
    /**
     * Answers, or leaves it to the hub.
     *
     * @param body what would be sent; null before that is known
     * @return whether it has answered, after which it is not asked again
     */
    boolean answer(HttpExchange exchange, byte[] body) throws IOException;
  }

  /** One commit of a repository, of which {@code main} is the name. */
  private record Repository(
      String commit, Map<String, byte[]> files, String token, boolean gated) {}

  public PlayedHub() throws IOException {
    for (HttpServer server : List.of(hub, network)) {
      server.setExecutor(threads);
    }
    hub.createContext("/", exchange -> handle("hub", exchange));
    network.createContext("/", exchange -> handle("network", exchange));
    hub.start();
    network.start();
  }

  private static HttpServer server() throws IOException {
    return HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
  }

  /** Its address, as {@code HF_ENDPOINT} names it. */
  public URI endpoint() {
    return address(hub);
  }

  private static URI address(HttpServer server) {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** All requests until now. */
  public List<Asked> asked() {
    return List.copyOf(asked);
  }

  /** Forgets the requests until now. */
  public void forget() {
    asked.clear();
  }

  /** Puts a repository there; {@code main} is then a commit made of its files. */
  public String put(String name, Map<String, byte[]> files) {
    return put(name, files, "", false);
  }

  /** A repository that is private, or gated, and readable with a token alone. */
  public String put(String name, Map<String, byte[]> files, String token, boolean gated) {
    StringBuilder all = new StringBuilder();
    new TreeMap<>(files).forEach((path, bytes) -> all.append(path).append(checksum(bytes)));
    String commit = sha1(all.toString().getBytes(StandardCharsets.UTF_8));
    repositories.put(name, new Repository(commit, new TreeMap<>(files), token, gated));
    return commit;
  }

  /** Answers a request to come in another way; the first that accepts it is used up. */
  public void fault(Fault fault) {
    synchronized (faults) {
      faults.add(fault);
    }
  }

  /** Whether all faults were used. */
  public boolean isFaultless() {
    synchronized (faults) {
      return faults.isEmpty();
    }
  }

  /** Sends the first {@code count} bytes of a body, and cuts the connection. */
  public static Fault cutAfter(String path, int count) {
    return (exchange, body) -> {
      if (body == null || !exchange.getRequestURI().getPath().endsWith(path)) {
        return false;
      }
      int most = Math.min(count, body.length);
      exchange.sendResponseHeaders(
          exchange.getResponseHeaders().containsKey("Content-Range") ? 206 : 200, body.length);
      exchange.getResponseBody().write(body, 0, most);
      exchange.getResponseBody().flush();
      exchange.close();
      return true;
    };
  }

  /** Answers with a status and headers. */
  public static Fault status(String path, int status, String... headers) {
    return (exchange, body) -> {
      if (body != null || !exchange.getRequestURI().getPath().contains(path)) {
        return false;
      }
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
      }
      exchange.sendResponseHeaders(status, -1);
      return true;
    };
  }

  private void handle(String server, HttpExchange exchange) throws IOException {
    try (exchange) {
      String version = exchange.getProtocol();
      asked.add(
          new Asked(
              server,
              exchange.getRequestMethod(),
              exchange.getRequestURI().toString(),
              first(exchange, "Authorization"),
              first(exchange, "Range"),
              version));
      if (!isFaulty(exchange, null)) {
        if (server.equals("hub")) {
          answer(exchange);
        } else {
          deliver(exchange);
        }
      }
    } catch (IOException e) {
      // The client went away.
    }
  }

  private static String first(HttpExchange exchange, String header) {
    String value = exchange.getRequestHeaders().getFirst(header);
    return value == null ? "" : value;
  }

  private boolean isFaulty(HttpExchange exchange, byte[] body) throws IOException {
    for (int i = 0; ; i++) {
      Fault fault;
      synchronized (faults) {
        if (i >= faults.size()) {
          return false;
        }
        fault = faults.remove(i); // No other request gets it while it answers.
      }
      if (fault.answer(exchange, body)) {
        return true;
      }
      synchronized (faults) {
        faults.add(Math.min(i, faults.size()), fault);
      }
    }
  }

  private void answer(HttpExchange exchange) throws IOException {
    String[] parts = exchange.getRequestURI().getRawPath().substring(1).split("/");
    if (parts.length >= 6 && parts[1].equals("models") && parts[4].equals("revision")) {
      describe(exchange, parts[2] + "/" + parts[3], decoded(parts[5]));
    } else if (parts.length >= 6 && parts[1].equals("models") && parts[4].equals("tree")) {
      tree(exchange, parts[2] + "/" + parts[3], decoded(parts[5]));
    } else if (parts.length >= 6 && parts[1].equals("resolve-cache")) {
      small(exchange, parts[3] + "/" + parts[4], rest(parts, 6));
    } else if (parts.length >= 5 && parts[2].equals("resolve")) {
      resolve(exchange, parts[0] + "/" + parts[1], decoded(parts[3]), rest(parts, 4));
    } else {
      fail(exchange, NOT_FOUND, "", "Not Found");
    }
  }

  private static String rest(String[] parts, int from) {
    return decoded(String.join("/", Arrays.copyOfRange(parts, from, parts.length)));
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
  }

  /** The repository; null if that was refused. */
  private Repository allowed(HttpExchange exchange, String name, String revision, boolean content)
      throws IOException {
    Repository repository = repositories.get(name);
    String token = first(exchange, "Authorization").replaceFirst("^Bearer ", "");
    boolean known = !token.isEmpty() && !token.startsWith("bad");
    boolean owner = repository != null && repository.token.equals(token);
    if (!token.isEmpty() && !known) {
      fail(exchange, 401, "", "Invalid credentials in Authorization header");
    } else if (repository == null || !repository.gated && !repository.token.isEmpty() && !owner) {
      // Who is not known does not learn whether it exists.
      if (known) {
        fail(exchange, NOT_FOUND, "RepoNotFound", "Repository not found");
      } else {
        fail(exchange, 401, "RepoNotFound", "Invalid username or password.");
      }
    } else if (repository.gated && content && !owner) {
      String message = "Access to model " + name + " is restricted.";
      fail(exchange, known ? 403 : 401, "GatedRepo", message);
    } else if (!revision.equals("main") && !revision.equals(repository.commit)) {
      fail(exchange, NOT_FOUND, "RevisionNotFound", "Invalid rev id: " + revision);
    } else {
      return repository;
    }
    return null;
  }

  private static void fail(HttpExchange exchange, int status, String code, String message)
      throws IOException {
    if (!code.isEmpty()) {
      exchange.getResponseHeaders().set("X-Error-Code", code);
    }
    exchange.getResponseHeaders().set("X-Error-Message", message);
    byte[] body = ("{\"error\":\"" + message + "\"}").getBytes(StandardCharsets.UTF_8);
    send(exchange, status, body);
  }

  private static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", String.valueOf(body.length));
      exchange.sendResponseHeaders(status, -1);
    } else {
      exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
      exchange.getResponseBody().write(body);
    }
  }

  private void describe(HttpExchange exchange, String name, String revision) throws IOException {
    Repository repository = allowed(exchange, name, revision, false);
    if (repository != null) {
      ObjectNode json = new ObjectMapper().createObjectNode();
      json.put("_id", "0123456789abcdef01234567").put("id", name).put("modelId", name);
      json.put("sha", repository.commit).put("private", false);
      json.putArray("tags").add("safetensors");
      ArrayNode siblings = json.putArray("siblings");
      repository.files.keySet().forEach(path -> siblings.addObject().put("rfilename", path));
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      send(exchange, 200, json.toString().getBytes(StandardCharsets.UTF_8));
    }
  }

  private void tree(HttpExchange exchange, String name, String revision) throws IOException {
    Repository repository = allowed(exchange, name, revision, false);
    if (repository != null) {
      ArrayNode json = new ObjectMapper().createArrayNode();
      repository.files.forEach(
          (path, bytes) -> {
            ObjectNode file = json.addObject().put("type", "file").put("path", path);
            file.put("size", bytes.length).put("oid", gitSha1(bytes));
            if (bytes.length >= LARGE) {
              file.putObject("lfs")
                  .put("oid", checksum(bytes))
                  .put("size", bytes.length)
                  .put("pointerSize", 134);
            }
          });
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      send(exchange, 200, json.toString().getBytes(StandardCharsets.UTF_8));
    }
  }

  private void resolve(HttpExchange exchange, String name, String revision, String path)
      throws IOException {
    Repository repository = allowed(exchange, name, revision, true);
    if (repository == null) {
      return;
    }
    exchange.getResponseHeaders().set("X-Repo-Commit", repository.commit);
    byte[] bytes = repository.files.get(path);
    if (bytes == null) {
      fail(exchange, NOT_FOUND, "EntryNotFound", "Entry not found");
      return;
    }
    String location =
        bytes.length >= LARGE
            ? address(network) + "/" + name + "/" + checksum(bytes) + "?Signature=secret"
            : "/api/resolve-cache/models/"
                + name
                + "/"
                + repository.commit
                + "/"
                + path.replace(" ", "%20");
    exchange.getResponseHeaders().set("Location", location);
    exchange.getResponseHeaders().set("X-Linked-Size", String.valueOf(bytes.length));
    exchange.getResponseHeaders().set("X-Linked-Etag", "\"" + checksum(bytes) + "\"");
    send(exchange, bytes.length >= LARGE ? 302 : 307, "Redirecting".getBytes());
  }

  private void small(HttpExchange exchange, String name, String path) throws IOException {
    Repository repository = repositories.get(name);
    byte[] bytes = repository.files.get(path);
    exchange.getResponseHeaders().set("X-Repo-Commit", repository.commit);
    exchange.getResponseHeaders().set("ETag", "\"" + checksum(bytes) + "\"");
    part(exchange, bytes);
  }

  private void deliver(HttpExchange exchange) throws IOException {
    String[] parts = exchange.getRequestURI().getPath().substring(1).split("/");
    for (byte[] bytes : repositories.get(parts[0] + "/" + parts[1]).files.values()) {
      if (checksum(bytes).equals(parts[2])) {
        exchange.getResponseHeaders().set("ETag", "\"0123456789abcdef0123456789abcdef\"");
        part(exchange, bytes);
        return;
      }
    }
    fail(exchange, 403, "", "Access denied");
  }

  private void part(HttpExchange exchange, byte[] bytes) throws IOException {
    String range = first(exchange, "Range");
    int from = range.isEmpty() ? 0 : Integer.parseInt(range.replaceAll("bytes=|-.*", ""));
    if (from > 0 && from >= bytes.length) {
      exchange.getResponseHeaders().set("Content-Range", "bytes */" + bytes.length);
      exchange.sendResponseHeaders(416, -1);
      return;
    }
    byte[] rest = Arrays.copyOfRange(bytes, from, bytes.length);
    exchange.getResponseHeaders().set("Accept-Ranges", "bytes");
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .set("Content-Range", "bytes " + from + "-" + (bytes.length - 1) + "/" + bytes.length);
    }
    if (exchange.getRequestMethod().equals("HEAD") || !isFaulty(exchange, rest)) {
      send(exchange, from > 0 ? 206 : 200, rest);
    }
  }

  /** What names a content: SHA-256 of a large one, git's SHA-1 of a small one. */
  public static String checksum(byte[] bytes) {
    return bytes.length >= LARGE ? hex("SHA-256", bytes) : gitSha1(bytes);
  }

  private static String gitSha1(byte[] bytes) {
    byte[] head = ("blob " + bytes.length + "\0").getBytes(StandardCharsets.US_ASCII);
    byte[] all = Arrays.copyOf(head, head.length + bytes.length);
    System.arraycopy(bytes, 0, all, head.length, bytes.length);
    return sha1(all);
  }

  private static String sha1(byte[] bytes) {
    return hex("SHA-1", bytes);
  }

  private static String hex(String algorithm, byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    hub.stop(0);
    network.stop(0);
    threads.shutdownNow();
  }
}
