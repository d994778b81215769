package io.sluice.hub;

import static io.sluice.hub.PlayedHub.checksum;
import static io.sluice.hub.PlayedHub.cutAfter;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Contents that arrive in pieces, too late, damaged or not at all. */
@Tag("slow")
class HubDownloadTest extends HubFixture {
  HubDownloadTest() throws IOException {}

  @Test
  void goesOnWhereTheConnectionWasCut() throws IOException {
    put();
    played.fault(cutAfter(checksum(LARGE), 100_000));
    played.fault(cutAfter(checksum(LARGE), 100_000));
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(ranges()).hasSize(3).startsWith("").doesNotContainNull();
    assertThat(ranges().subList(1, 3)).allMatch(range -> range.matches("bytes=[1-9]\\d+-"));
    assertThat(waits).allMatch(Duration.ofSeconds(1)::equals).hasSize(2);
    assertThat(pauses.getFirst())
        .isEqualTo("maker/model/model.safetensors: the connection was cut; tries again in 1 s");
  }

  @Test
  void givesUpWhereNothingMoreArrivesAndGoesOnLater() throws IOException {
    put();
    played.fault(cutAfter(checksum(LARGE), 50_000));
    for (int i = 0; i < 5; i++) {
      played.fault(cutAfter(checksum(LARGE), 0));
    }
    assertThatThrownBy(() -> find(NAME))
        .isInstanceOf(IOException.class)
        .hasMessage("maker/model/model.safetensors: the connection was cut");
    assertThat(repository().resolve("snapshots")).doesNotExist();
    Path left = repository().resolve("blobs/" + checksum(LARGE) + ".sluice.incomplete");
    assertThat(left).isNotEmptyFile();
    String range = "bytes=" + Files.size(left) + "-";
    played.forget();
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(ranges()).containsExactly(range);
    assertThat(left).doesNotExist();
  }

  @Test
  void saysThatTheConnectionWasCutBeforeAnyAnswer() {
    put();
    for (int i = 0; i < 50; i++) { // The client itself asks again where it may.
      played.fault(
          (exchange, body) -> {
            if (!exchange.getRequestURI().getPath().endsWith(checksum(LARGE))) {
              return false;
            }
            exchange.close();
            return true;
          });
    }
    assertThatThrownBy(() -> find(NAME))
        .isInstanceOf(IOException.class)
        .hasMessage("maker/model/model.safetensors: the connection was cut");
    assertThat(repository().resolve("snapshots")).doesNotExist();
  }

  @Test
  void saysThatAServerSpeaksAnotherProtocol() throws IOException {
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> greet(server));
      String address = "127.0.0.1:" + server.getLocalPort();
      environment.put("HF_ENDPOINT", "http://" + address);
      assertThatThrownBy(() -> find(NAME))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("maker/model: http://" + address + " does not speak HTTP (");
    }
  }

  /** Answers as a server of mail would. */
  private static void greet(ServerSocket server) {
    while (!server.isClosed()) {
      try (Socket socket = server.accept()) {
        assertThat(socket.getInputStream().read(new byte[1 << 16])).isPositive();
        socket.getOutputStream().write("220 ready\r\n\r\n".getBytes(StandardCharsets.UTF_8));
      } catch (IOException e) {
        // The next one, or the end of the test.
      }
    }
  }

  @Test
  void takesTheWholeFileWhereAServerKnowsNoRanges() throws IOException {
    put();
    Path left = repository().resolve("blobs/" + checksum(LARGE) + ".sluice.incomplete");
    Files.createDirectories(left.getParent());
    Files.write(left, new byte[1000]);
    played.fault(
        (exchange, body) -> {
          if (body != null || !exchange.getRequestURI().getPath().endsWith(checksum(LARGE))) {
            return false;
          }
          exchange.sendResponseHeaders(200, LARGE.length);
          exchange.getResponseBody().write(LARGE);
          return true;
        });
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(ranges()).containsExactly("bytes=1000-");
  }

  @Test
  void fetchesOnceMoreWhereTheBeginningIsDamaged() throws IOException {
    put();
    Path left = repository().resolve("blobs/" + checksum(LARGE) + ".sluice.incomplete");
    Files.createDirectories(left.getParent());
    Files.write(left, new byte[1000]);
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(ranges()).containsExactly("bytes=1000-", "");
  }

  @Test
  void refusesAnotherContent() {
    put();
    for (byte[] content : List.of(LARGE, SMALL)) {
      String path = content == LARGE ? checksum(LARGE) : "config.json";
      played.fault(
          (exchange, body) -> {
            if (body == null
                || !exchange.getRequestURI().getPath().endsWith(path)
                || exchange.getRequestMethod().equals("HEAD")) {
              return false;
            }
            byte[] other = body.clone();
            other[body.length / 2] ^= 1;
            exchange.sendResponseHeaders(200, other.length);
            exchange.getResponseBody().write(other);
            return true;
          });
    }
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> find(NAME))
          .isInstanceOf(IOException.class)
          .hasMessageMatching(
              "maker/model/\\S+: what arrived is not what the hub says \\(its checksum is not"
                  + " [0-9a-f]+\\); it was deleted, try again");
    }
    assertThat(repository().resolve("snapshots")).doesNotExist();
    assertThat(repository().resolve("refs")).doesNotExist();
    assertThat(played.isFaultless()).isTrue();
  }

  @Test
  void refusesMoreThanTheFileHas() {
    put();
    played.fault(
        (exchange, body) -> {
          if (body == null || !exchange.getRequestURI().getPath().endsWith(checksum(LARGE))) {
            return false;
          }
          exchange.sendResponseHeaders(200, 0);
          exchange.getResponseBody().write(LARGE);
          exchange.getResponseBody().write(LARGE);
          return true;
        });
    assertThatThrownBy(() -> find(NAME))
        .isInstanceOf(IOException.class)
        .hasMessage("maker/model/model.safetensors: more than its 300,000 bytes arrive; try again");
  }

  @Test
  void requiresRoom() {
    put();
    free = 200_000;
    assertThatThrownBy(() -> find(NAME))
        .isInstanceOf(IOException.class)
        .hasMessageMatching(
            "maker/model: needs 0\\.3 MB in \\S+/hf/hub, where 0\\.2 MB are free; make room, or set"
                + " HF_HOME to a folder on another disk");
    assertThat(repository().resolve("snapshots")).doesNotExist();
  }

  @Test
  void endsWithAServerThatFallsSilent() throws IOException {
    environment.put("HF_HUB_DOWNLOAD_TIMEOUT", "1");
    put();
    CompletableFuture<Void> done = new CompletableFuture<>();
    played.fault(
        (exchange, body) -> {
          if (body == null || !exchange.getRequestURI().getPath().endsWith(checksum(LARGE))) {
            return false;
          }
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body, 0, 70_000);
          exchange.getResponseBody().flush();
          done.join();
          return true;
        });
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(ranges()).hasSize(2);
    assertThat(ranges().getLast()).startsWith("bytes=");
    done.complete(null);
  }
}
