package io.sluice.hub;

import static io.sluice.hub.PlayedHub.checksum;
import static io.sluice.hub.PlayedHub.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Refusals, redirects, tokens and answers that a hub should not give. */
class HubAnswerTest extends HubFixture {
  HubAnswerTest() throws IOException {}

  @Test
  void sendsTheTokenToTheHubAlone() throws IOException {
    played.put(NAME, Map.of(WEIGHTS, LARGE, "config.json", SMALL), "secret-1", false);
    environment.put("HF_TOKEN", "secret-1\n");
    find(NAME);
    assertThat(played.asked())
        .filteredOn(asked -> asked.server().equals("hub"))
        .isNotEmpty()
        .allMatch(asked -> asked.token().equals("Bearer secret-1"));
    assertThat(played.asked())
        .filteredOn(asked -> asked.server().equals("network"))
        .isNotEmpty()
        .allMatch(asked -> asked.token().isEmpty());
  }

  @Test
  void readsTheTokenThatALoginLeft() throws IOException {
    played.put(NAME, Map.of(WEIGHTS, LARGE, "config.json", SMALL), "secret-2", true);
    Files.createDirectories(temp.resolve("hf"));
    Files.writeString(temp.resolve("hf/token"), "secret-2\n");
    assertThat(find(NAME).resolve(WEIGHTS)).exists();
    environment.put("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    assertThat(HubSettings.of(environment, temp).token()).isEmpty();
  }

  @Test
  void doesNotShowAMalformedToken() {
    environment.put("HF_TOKEN", "se\u00e9cret");
    assertThatThrownBy(() -> find(NAME))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("HF_TOKEN: ")
        .hasMessageNotContaining("cret");
  }

  @Test
  void saysWhatARefusalMeans() throws IOException {
    played.put("maker/gated", Map.of(WEIGHTS, LARGE), "owner", true);
    played.put("maker/private", Map.of(WEIGHTS, LARGE), "owner", false);
    put();
    String hub = played.endpoint().toString();
    refused(
        "maker/gated",
        ": is gated; ask for access at %s/maker/gated, then log in with 'hf auth login' or set HF_TOKEN"
            .formatted(hub));
    refused(
        "maker/private",
        ": no such file or folder, and %s has no such repository or wants a token for it; check the name"
            .formatted(hub));
    refused(
        NAME + "@v9",
        ": has no revision 'v9' on %s; check the branch, tag or commit".formatted(hub));
    environment.put("HF_TOKEN", "other");
    refused(
        "maker/gated",
        ": is gated; ask for access at %s/maker/gated, with the account of your token"
            .formatted(hub));
    refused(
        "maker/nothing",
        ": no such file or folder, and %s has no such repository for your token; check the name"
            .formatted(hub));
    environment.put("HF_TOKEN", "bad");
    refused(
        NAME,
        ": %s does not know your token; log in with 'hf auth login' or correct HF_TOKEN"
            .formatted(hub));
    environment.remove("HF_TOKEN");
    played.fault(status("/api/", 404));
    refused(
        NAME,
        ": no such file or folder, and %s has no such repository or wants a token for it; check the name and HF_ENDPOINT"
            .formatted(hub));
    played.fault(status("/api/", 403, "X-Error-Message", "Not from here"));
    refused(
        NAME, ": %s refuses access (Not from here); check what your token may read".formatted(hub));
    assertThat(temp.resolve("hf/hub/.locks")).isEmptyDirectory();
    assertThat(names(temp.resolve("hf/hub"))).containsExactly(".locks");
  }

  private void refused(String name, String message) {
    // A gated repository is asked for a file of it, which the message then names.
    assertThatThrownBy(() -> find(name))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(name)
        .hasMessageEndingWith(message);
    assertThat(waits).isEmpty();
  }

  @Test
  void waitsAsLongAsTheHubAsks() throws IOException {
    put();
    played.fault(status("/api/", 429, "Retry-After", "7"));
    played.fault(status("/api/", 429, "RateLimit", "\"api\";r=0;t=41"));
    played.fault(status("/resolve/", 503));
    played.fault(status(checksum(LARGE), 500));
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(waits.subList(0, 2))
        .containsExactlyInAnyOrder(Duration.ofSeconds(7), Duration.ofSeconds(42));
    assertThat(waits).hasSize(4);
    assertThat(pauses.getFirst())
        .startsWith("maker/model: http://127.0.0.1:")
        .contains(" had too many requests from here; wait, or log in", "; tries again in ");
    played.fault(status("/api/", 429, "Retry-After", "3600"));
    assertThatThrownBy(() -> find(NAME + "@v2")).hasMessageContaining("had too many requests");
    assertThat(waits).hasSize(4);
  }

  @Test
  void refusesAListThatClimbsOut() {
    for (String bad :
        List.of("../x", "/etc/x", "a/../../x", "a//x", "", "..\\x", "a/./x", "x\u0000y")) {
      played.put("maker/bad", Map.of(WEIGHTS, LARGE, bad, SMALL));
      assertThatThrownBy(() -> find("maker/bad"))
          .as(bad)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("lists a file that is outside of the repository");
    }
    assertThat(temp.resolve("hf/hub/models--maker--bad/snapshots")).doesNotExist();
  }

  @Test
  void refusesAChecksumThatIsAPath() {
    put();
    played.fault(
        (exchange, body) -> {
          if (!exchange.getRequestURI().getPath().contains("/resolve/")) {
            return false;
          }
          exchange.getResponseHeaders().set("ETag", "\"../../../x\"");
          exchange.getResponseHeaders().set("Content-Length", "3");
          exchange.sendResponseHeaders(200, -1);
          return true;
        });
    assertThatThrownBy(() -> find(NAME))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("gives no size and checksum; check HF_ENDPOINT or a proxy");
  }

  @Test
  void refusesWhatIsNoList() {
    put();
    for (String text : List.of("<html>Log in to the hotel</html>", "{\"sha\": \"../x\"}")) {
      played.fault(
          (exchange, body) -> {
            byte[] answer = text.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            return true;
          });
      assertThatThrownBy(() -> find(NAME))
          .isInstanceOf(IOException.class)
          .hasMessageMatching(".* answers with what is no list of files: .*|.* names no commit.*");
    }
  }

  @Test
  void refusesRedirectsThatLeadAstray() {
    put();
    for (String location : List.of("file:///etc/passwd", "ftp://x/y", "::", "http:///x")) {
      played.fault(status("/api/", 302, "Location", location));
      assertThatThrownBy(() -> find(NAME))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("redirects to what is no address");
    }
    for (int i = 0; i < 11; i++) {
      played.fault(status("/api/", 302, "Location", "/api/models/maker/model/revision/main"));
    }
    assertThatThrownBy(() -> find(NAME)).hasMessageContaining("redirects without end");
  }

  @Test
  void keepsToEncryption() throws IOException {
    URI secure = URI.create("https://hub.example/a");
    assertThat(Redirects.next(secure, "/b")).hasToString("https://hub.example/b");
    assertThat(Redirects.next(secure, "https://cdn.example/b?x=1")).hasHost("cdn.example");
    assertThatThrownBy(() -> Redirects.next(secure, "http://hub.example/a?Signature=secret"))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "https://hub.example: redirects to http://hub.example without encryption; nothing was fetched");
    assertThat(Redirects.sameOrigin(secure, URI.create("https://HUB.example:443/x"))).isTrue();
    for (String other :
        List.of(
            "https://hub.example.evil/",
            "https://hub.example:444/",
            "http://hub.example/",
            "https://hub.example@evil.example/")) {
      assertThat(Redirects.sameOrigin(secure, URI.create(other))).as(other).isFalse();
    }
  }

  @Test
  void goesThroughAProxy() throws IOException {
    put();
    environment.put("HF_ENDPOINT", "http://hub.example");
    // The played hub answers whatever host is asked for, as a proxy does.
    environment.put("HTTP_PROXY", played.endpoint().toString());
    environment.put("NO_PROXY", "127.0.0.1");
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(played.asked())
        .filteredOn(asked -> asked.server().equals("hub"))
        .isNotEmpty()
        .allMatch(asked -> asked.path().startsWith("http://hub.example/"));
  }

  /** A mirror redirects all requests to the hub; its own answers describe no file. */
  @Test
  void goesThroughAMirror() throws IOException {
    put();
    HttpServer mirror =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    mirror.createContext(
        "/",
        exchange -> {
          exchange
              .getResponseHeaders()
              .set("Location", played.endpoint() + exchange.getRequestURI().toString());
          exchange.sendResponseHeaders(308, -1);
          exchange.close();
        });
    mirror.start();
    try {
      environment.put("HF_ENDPOINT", "http://127.0.0.1:" + mirror.getAddress().getPort());
      environment.put("HF_TOKEN", "for-the-mirror");
      assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
      assertThat(played.asked()).isNotEmpty().allMatch(asked -> asked.token().isEmpty());
    } finally {
      mirror.stop(0);
    }
  }
}
