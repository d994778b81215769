package io.sluice.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.sluice.files.Quoted;
import io.sluice.files.StrictJson;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

/** Requests to the hub: what a revision holds, what a file is, and its content. */
final class HubClient implements AutoCloseable {
  private static final String LINKED = "X-Linked-Etag";
  private static final int MOST_REDIRECTS = 10;
  private static final int LONGEST_LIST = 1 << 26;
  private static final int OK = 200;
  private static final int FIRST_REDIRECT = 300;
  private static final int FIRST_ERROR = 400;
  private static final JsonMapper JSON = StrictJson.mapper(StreamReadConstraints.defaults());

  private final HubSettings settings;
  private final HttpClient http;

  /** Which redirects are followed. */
  private enum Follow {
    /** All of them. */
    ALL,
    /** Until an answer describes the file; the one of the host that sends it would not. */
    UNTIL_DESCRIBED
  }

  HubClient(HubSettings settings) {
    this.settings = settings;
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER) // A token must not go along everywhere.
            .proxy(settings.proxy())
            .connectTimeout(settings.timeout())
            .build();
  }

  /**
   * A revision: the commit that it is now, and the names of all files.
   *
   * @param commit 40 hexadecimal digits
   */
  record Revision(String commit, List<String> files) {}

  /**
   * Asks what a revision holds.
   *
   * @throws TransientException if it may work later
   * @throws IOException if the hub refuses, or the answer is malformed or names a file outside of
   *     the repository
   */
  Revision revision(HubName name) throws IOException {
    URI address =
        address("/api/models/" + name.repository() + "/revision/" + encoded(name.revision()));
    HttpResponse<InputStream> answer = send(name, "GET", address, 0, Follow.ALL).getLast();
    require(name, answer);
    JsonNode json = json(name, answer);
    String commit = json.path("sha").asText("");
    if (!commit.matches("[0-9a-f]{40}")) {
      throw new IOException(name + ": " + settings.endpoint() + " names no commit; check it");
    }
    List<String> files = new ArrayList<>();
    for (JsonNode file : json.path("siblings")) {
      String path = file.path("rfilename").asText("");
      if (!HubName.isInside(path)) {
        throw new IOException(
            "%s: %s lists a file that is outside of the repository, %s; nothing was fetched"
                .formatted(name, settings.endpoint(), Quoted.of(path)));
      }
      files.add(path);
    }
    return new Revision(commit, files);
  }

  private JsonNode json(HubName name, HttpResponse<InputStream> answer) throws IOException {
    byte[] text;
    try (InputStream body = guarded(answer)) {
      text = body.readNBytes(LONGEST_LIST + 1);
    } catch (IOException e) {
      throw cut(name, e);
    }
    if (text.length > LONGEST_LIST) {
      throw new IOException(name + ": has a list of files that is too long to read");
    }
    try {
      return JSON.readTree(StrictJson.text(text));
    } catch (JsonProcessingException e) {
      throw new IOException(
          "%s: %s answers with what is no list of files: %s"
              .formatted(name, settings.endpoint(), StrictJson.reason(e)),
          e);
    }
  }

  /**
   * Asks for the checksum and the size of a file.
   *
   * @throws IOException as {@link #revision}
   */
  RemoteFile describe(HubName name, String commit, String path) throws IOException {
    URI address = address("/" + name.repository() + "/resolve/" + commit + "/" + inPath(path));
    List<HttpResponse<InputStream>> answers =
        send(name.at(path), "HEAD", address, 0, Follow.UNTIL_DESCRIBED);
    HttpResponse<InputStream> last = answers.getLast();
    last.body().close();
    if (last.statusCode() >= FIRST_ERROR) {
      throw Refusals.of(name.at(path), settings, last);
    }
    // Only a redirect to another host ends with a status of a redirect; its length is its own.
    boolean whole = last.statusCode() < FIRST_REDIRECT;
    String size = header(answers, "X-Linked-Size", whole ? "Content-Length" : "X-Linked-Size");
    String etag = header(answers, LINKED, "ETag");
    String checksum = etag.replaceFirst("^W/", "").replace("\"", "");
    if (!Checksum.is(checksum) || !size.matches("\\d{1,18}")) {
      throw new IOException(
          "%s: %s gives no size and checksum; check HF_ENDPOINT or a proxy"
              .formatted(name.at(path), settings.endpoint()));
    }
    return new RemoteFile(path, address, new Checksum(checksum), Long.parseLong(size));
  }

  /** A header of the last answer that has it; else another header of the last answer. */
  private static String header(
      List<HttpResponse<InputStream>> answers, String name, String otherwise) {
    return answers.reversed().stream()
        .flatMap(answer -> answer.headers().firstValue(name).stream())
        .findFirst()
        .or(() -> answers.getLast().headers().firstValue(otherwise))
        .orElse("");
  }

  /**
   * Asks for the content of a file.
   *
   * @param from how many bytes to leave out at its beginning
   * @return an answer of success, perhaps of the whole file; its body is for the caller to close
   * @throws IOException as {@link #revision}
   */
  HttpResponse<InputStream> open(HubName name, RemoteFile file, long from) throws IOException {
    return send(name.at(file.path()), "GET", file.address(), from, Follow.ALL).getLast();
  }

  /** The error for an answer that is none of success. */
  void require(HubName name, HttpResponse<InputStream> answer) throws IOException {
    if (answer.statusCode() / 100 != OK / 100) {
      answer.body().close();
      throw Refusals.of(name, settings, answer);
    }
  }

  /** The body of an answer; a server that falls silent ends it too early. */
  InputStream guarded(HttpResponse<InputStream> answer) {
    return new PatientStream(answer.body(), settings.timeout());
  }

  /** The error for a connection that broke. */
  static TransientException cut(HubName name, Throwable cause) {
    return new TransientException(name + ": the connection was cut", cause);
  }

  /** Sends a request and follows redirects: all answers, the last one with its body open. */
  private List<HttpResponse<InputStream>> send(
      HubName name, String method, URI address, long from, Follow follow) throws IOException {
    List<HttpResponse<InputStream>> answers = new ArrayList<>();
    URI at = address;
    while (true) {
      HttpResponse<InputStream> answer = exchange(name, request(method, at, from));
      answers.add(answer);
      HttpHeaders headers = answer.headers();
      int status = answer.statusCode();
      String location = headers.firstValue("Location").orElse("");
      if (status < FIRST_REDIRECT || status >= FIRST_ERROR || location.isEmpty()) {
        return answers;
      }
      at = Redirects.next(at, location);
      if (follow == Follow.UNTIL_DESCRIBED
          && headers.firstValue(LINKED).isPresent()
          && !Redirects.sameOrigin(settings.endpoint(), at)) {
        return answers;
      }
      answer.body().close();
      if (answers.size() > MOST_REDIRECTS) {
        throw new IOException(name + ": " + Redirects.host(at) + " redirects without end");
      }
    }
  }

  private HttpRequest request(String method, URI address, long from) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(address)
            .method(method, BodyPublishers.noBody())
            .header("User-Agent", "sluice")
            .header("Accept-Encoding", "identity");
    if (!settings.token().isEmpty() && Redirects.sameOrigin(settings.endpoint(), address)) {
      request.header("Authorization", "Bearer " + settings.token());
    }
    if (from > 0) {
      request.header("Range", "bytes=" + from + "-");
    }
    return request.build();
  }

  private HttpResponse<InputStream> exchange(HubName name, HttpRequest request) throws IOException {
    String host = Redirects.host(request.uri());
    CompletableFuture<HttpResponse<InputStream>> answer =
        http.sendAsync(request, BodyHandlers.ofInputStream());
    try {
      // Not the timeout of the request, which in newer JDKs includes the time for the body.
      return answer.get(settings.timeout().toMillis() * 2, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      answer.cancel(true);
      throw new TransientException(name + ": " + host + " does not answer", e);
    } catch (InterruptedException e) {
      answer.cancel(true);
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(name + ": interrupted while " + host + " was asked");
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      boolean noConnection =
          cause instanceof ConnectException || cause instanceof HttpConnectTimeoutException;
      if (noConnection || cause instanceof javax.net.ssl.SSLException) {
        throw new UnreachableException(
            "%s: no such file or folder, nor in the cache, and %s cannot be reached%s"
                .formatted(name, host, words(cause)),
            cause);
      }
      // Also where the connection ends right behind the header: the client may see its end first.
      throw cause instanceof ProtocolException
          ? new TransientException(
              name + ": " + host + " does not speak HTTP" + words(cause), cause)
          : cut(name, cause);
    }
  }

  private static String words(Throwable cause) {
    return cause.getMessage() == null ? "" : " (" + Quoted.line(cause.getMessage(), 100) + ")";
  }

  private URI address(String path) {
    return URI.create(settings.endpoint() + path);
  }

  private static String inPath(String path) {
    return Arrays.stream(path.split("/")).map(HubClient::encoded).collect(Collectors.joining("/"));
  }

  private static String encoded(String part) {
    return URLEncoder.encode(part, StandardCharsets.UTF_8)
        .replace("+", "%20")
        .replace("*", "%2A")
        .replace("%7E", "~");
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
