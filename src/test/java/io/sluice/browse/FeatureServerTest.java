package io.sluice.browse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureJson;
import io.sluice.features.FeatureReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the server answers, and to whom. */
class FeatureServerTest {
  private static final int FEATURES = 300;

  @TempDir private static Path scratch;
  private static FeatureFolder folder;
  private static FeatureServer server;

  @BeforeAll
  static void start() throws IOException {
    folder = NovelFeatures.write(scratch.resolve("features"), FEATURES, 0.2);
    server = FeatureServer.start(BrowsedFeatures.of(folder), 0);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void aFeatureIsTheObjectOfTheCommandLineAndMore() throws Exception {
    JsonNode seen = new JsonMapper().readTree(get("feature/5").body());
    JsonNode same =
        new JsonMapper().readTree(FeatureJson.of(new FeatureReader(folder).read(5)).toString());
    same.fieldNames()
        .forEachRemaining(
            name -> {
              if (!name.equals("top")) {
                assertThat(seen.get(name)).as(name).isEqualTo(same.get(name));
              }
            });
    assertThat(seen.at("/top/0/tokens")).isEqualTo(same.at("/top/0/tokens"));
    double sum = seen.at("/top/0/rest").asDouble() + seen.at("/top/0/bias").asDouble();
    for (JsonNode source : seen.at("/top/0/sources")) {
      sum += source.get("contribution").asDouble();
    }
    assertThat(sum).isCloseTo(seen.at("/top/0/activation").asDouble(), Offset.offset(1e-5));
    assertThat(seen.get("histogram")).hasSize(32);
  }

  @Test
  void columnsAreThoseOfTheFolder() throws Exception {
    ByteBuffer columns = ByteBuffer.wrap(bytes("columns").body()).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(columns.getInt()).isEqualTo(FEATURES);
    assertThat(columns.remaining()).isEqualTo(25 * FEATURES);
    for (int i = 0; i < FEATURES; i++) {
      assertThat(columns.getFloat(4 + 4 * i)).isEqualTo(folder.features().density(i));
      assertThat(columns.getFloat(4 + 4 * (FEATURES + i))).isEqualTo(folder.features().max(i));
      assertThat(columns.getFloat(4 + 4 * (2 * FEATURES + i)))
          .isEqualTo(folder.features().similarCosine(i)[0]);
      assertThat(columns.get(4 + 24 * FEATURES + i))
          .isEqualTo((byte) (folder.features().dead(i) ? 1 : 0));
      int label = columns.getInt(4 + 12 * FEATURES + 12 * i);
      assertThat(label)
          .isEqualTo(
              folder.contexts().of(i).isEmpty()
                  ? -1
                  : folder
                      .contexts()
                      .at(folder.contexts().first(i))
                      .tokens()[folder.contexts().at(folder.contexts().first(i)).at()]);
    }
  }

  @Test
  void aSearchFindsWhatTheStrongestTokensSay() throws Exception {
    byte[] bits = bytes("search?text=SCRIPT").body();
    assertThat(bits).hasSize((FEATURES + 7) / 8);
    assertThat(bits[0] & 3).isEqualTo(3);
    for (int i = 0; i < FEATURES; i++) {
      boolean fires =
          folder.contexts().of(i, FeatureContexts.TOP).stream()
              .map(context -> folder.tokens().text(context.tokens()[context.at()]))
              .anyMatch(text -> text.toLowerCase(Locale.ROOT).contains("script"));
      assertThat(bits[i >> 3] >> (i & 7) & 1).as("feature " + i).isEqualTo(fires ? 1 : 0);
    }
    assertThat(get("search?text=" + "x".repeat(201)).statusCode()).isEqualTo(400);
    assertThat(raw("GET", server.address().getRawPath() + "search?text=%25%zz", host()))
        .startsWith("HTTP/1.1 400");
    assertThat(get("search").statusCode()).isEqualTo(400);
  }

  @Test
  void everyAnswerForbidsWhatThePageDoesNotNeed() throws Exception {
    HttpResponse<String> page = get("");
    assertThat(page.statusCode()).isEqualTo(200);
    String policy = page.headers().firstValue("Content-Security-Policy").orElseThrow();
    assertThat(policy)
        .startsWith("default-src 'none'; script-src 'sha256-")
        .contains("connect-src 'self'", "frame-ancestors 'none'", "style-src 'sha256-")
        .doesNotContain("unsafe");
    assertThat(page.headers().firstValue("X-Content-Type-Options")).hasValue("nosniff");
    assertThat(page.headers().firstValue("Cache-Control")).hasValue("no-store");
    assertThat(page.headers().firstValue("Access-Control-Allow-Origin")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
  void onlyReadsAreAnswered(String method) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(server.address())
            .method(method, HttpRequest.BodyPublishers.ofString("x"))
            .build();
    HttpResponse<String> answer = client().send(request, BodyHandlers.ofString());
    assertThat(answer.statusCode()).isEqualTo(405);
    assertThat(answer.headers().firstValue("Allow")).hasValue("GET, HEAD");
  }

  @Test
  void headHasTheLengthAndNoBody() throws Exception {
    String answer = raw("HEAD", server.address().getRawPath(), host());
    assertThat(answer).startsWith("HTTP/1.1 200").containsPattern("(?i)content-length: \\d{5,}");
    assertThat(answer.substring(answer.indexOf("\r\n\r\n") + 4)).isEmpty();
  }

  @Test
  void withoutTheTokenThereIsNothing() throws Exception {
    String path = server.address().getRawPath();
    String wrong = path.substring(0, path.length() - 2) + (path.endsWith("A/") ? "B/" : "A/");
    for (String each : new String[] {"/", "/columns", wrong, wrong + "columns", "/favicon.ico"}) {
      assertThat(raw("GET", each, host())).as(each).startsWith("HTTP/1.1 404");
    }
    assertThat(raw("GET", path, host())).startsWith("HTTP/1.1 200");
  }

  @Test
  void tokensAreLongAndDiffer() throws IOException {
    String path = server.address().getRawPath();
    assertThat(path).matches("/[\\w-]{32}/");
    try (FeatureServer other = FeatureServer.start(BrowsedFeatures.of(folder), 0)) {
      assertThat(other.address().getRawPath()).isNotEqualTo(path);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil.example"})
  void otherHostsAreRefused(String host) throws Exception {
    assertThat(raw("GET", server.address().getRawPath(), host)).startsWith("HTTP/1.1 421");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../features.json",
        "features.json",
        "feature/../../etc/passwd",
        "%2e%2e/features.json",
        "feature/-1",
        "feature/300",
        "feature/99999999999999999999",
        "feature/1e2",
        "feature/",
        "..%2f..%2fetc%2fpasswd",
        "columns/",
        "tokens.arrow"
      })
  void nothingOutsideTheAnswersIsFound(String name) throws Exception {
    assertThat(raw("GET", server.address().getRawPath() + name, host()))
        .startsWith("HTTP/1.1 404")
        .doesNotContain("sluice.features")
        .doesNotContain("root:");
  }

  @Test
  void itListensOnThisMachineAlone() throws IOException {
    for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
      for (InetAddress address : each.inetAddresses().toList()) {
        if (!address.isLoopbackAddress()) {
          assertThatThrownBy(() -> new Socket(address, server.address().getPort()).close())
              .isInstanceOfAny(ConnectException.class, IOException.class);
        }
      }
    }
  }

  @Test
  void aTakenPortIsOneLine() {
    assertThatThrownBy(
            () -> FeatureServer.start(BrowsedFeatures.of(folder), server.address().getPort()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("port " + server.address().getPort())
        .hasMessageContaining("--port");
  }

  private static String host() {
    return "127.0.0.1:" + server.address().getPort();
  }

  private static HttpClient client() {
    return HttpClient.newHttpClient();
  }

  private static HttpResponse<String> get(String name) throws Exception {
    return client()
        .send(
            HttpRequest.newBuilder(URI.create(server.address() + name)).build(),
            BodyHandlers.ofString());
  }

  private static HttpResponse<byte[]> bytes(String name) throws Exception {
    return client()
        .send(
            HttpRequest.newBuilder(URI.create(server.address() + name)).build(),
            BodyHandlers.ofByteArray());
  }

  /** An answer as its bytes say it: clients do not send what a hostile one can. */
  private static String raw(String method, String path, String host) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {
      OutputStream out = socket.getOutputStream();
      String request =
          method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
      out.write(request.getBytes(StandardCharsets.UTF_8));
      out.flush();
      InputStream in = socket.getInputStream();
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
