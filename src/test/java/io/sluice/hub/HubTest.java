package io.sluice.hub;

import static io.sluice.hub.PlayedHub.checksum;
import static io.sluice.hub.PlayedHub.cutAfter;
import static io.sluice.hub.PlayedHub.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.sluice.files.FolderLock;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubTest {
  private static final String NAME = "maker/model";
  private static final String WEIGHTS = "model.safetensors";
  private static final byte[] LARGE = bytes(300_000, 1);
  private static final byte[] SMALL = "{\"model_type\": \"x\"}".getBytes(StandardCharsets.UTF_8);

  @TempDir private Path temp;
  private final PlayedHub played = new PlayedHub();
  private final List<String> pauses = new ArrayList<>();
  private final List<Duration> waits = new ArrayList<>();
  private final Map<String, String> environment = new HashMap<>();
  private long free = Long.MAX_VALUE;

  /** All files. */
  private static final FileChoice ALL =
      new FileChoice() {
        @Override
        public List<String> of(String folder, List<String> names, String wanted) {
          return wanted == null ? names : List.of(wanted);
        }

        @Override
        public boolean suffices(List<String> chosen) {
          return chosen.contains(WEIGHTS) || !chosen.contains("config.json");
        }
      };

  HubTest() throws IOException {}

  @AfterEach
  void stop() {
    played.close();
  }

  private static byte[] bytes(int length, int seed) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private Hub hub() throws IOException {
    environment.putIfAbsent("HF_ENDPOINT", played.endpoint().toString());
    environment.putIfAbsent("HF_HOME", temp.resolve("hf").toString());
    FetchListener listener =
        new FetchListener() {
          @Override
          public void pause(String why) {
            pauses.add(why);
          }
        };
    return new Hub(HubSettings.of(environment, temp), listener, waits::add, folder -> free);
  }

  private Path find(String name) throws IOException {
    return hub().find(HubName.parse(name).orElseThrow(), ALL);
  }

  private Path repository() {
    return temp.resolve("hf/hub/models--maker--model");
  }

  private String put() {
    return played.put(NAME, Map.of(WEIGHTS, LARGE, "config.json", SMALL));
  }

  @Test
  void fetchesIntoTheLayoutOfTheCache() throws IOException {
    String commit = put();
    Path found = find(NAME);
    assertThat(found).isEqualTo(repository().resolve("snapshots/" + commit));
    assertThat(found.resolve(WEIGHTS)).hasBinaryContent(LARGE).isSymbolicLink();
    assertThat(found.resolve("config.json")).hasBinaryContent(SMALL);
    assertThat(Files.readSymbolicLink(found.resolve(WEIGHTS)))
        .isEqualTo(Path.of("../../blobs/" + checksum(LARGE)));
    assertThat(repository().resolve("refs/main")).hasContent(commit);
    assertThat(names(repository().resolve("blobs")))
        .containsExactlyInAnyOrder(checksum(LARGE), checksum(SMALL));
    assertThat(temp.resolve("hf/hub/CACHEDIR.TAG")).exists();
    assertThat(temp.resolve("hf/hub/.locks/models--maker--model")).isEmptyDirectory();
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  @Test
  void asksNothingForWhatTheCacheHas() throws IOException {
    String commit = put();
    Path found = find(NAME);
    played.forget();
    assertThat(find(NAME)).isEqualTo(found);
    assertThat(find(NAME + "@" + commit)).isEqualTo(found);
    environment.put("HF_HUB_OFFLINE", "1");
    assertThat(find(NAME)).isEqualTo(found);
    assertThat(played.asked()).isEmpty();
  }

  @Test
  void keepsABranchAndFetchesAnotherCommit() throws IOException {
    Path first = find(NAME, put());
    String next = played.put(NAME, Map.of(WEIGHTS, LARGE, "config.json", "{}".getBytes()));
    assertThat(find(NAME)).isEqualTo(first);
    played.forget();
    Path second = find(NAME + "@" + next);
    assertThat(second).isNotEqualTo(first);
    assertThat(second.resolve("config.json")).hasContent("{}");
    assertThat(second.resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(played.asked()).noneMatch(asked -> asked.server().equals("network"));
    assertThat(find(NAME)).isEqualTo(first);
  }

  private Path find(String name, String commit) throws IOException {
    assertThat(commit).hasSize(40);
    return find(name);
  }

  @Test
  void findsFoldersAndFiles() throws IOException {
    played.put(NAME, Map.of("a/x 1.bin", SMALL, "a/" + WEIGHTS, LARGE, "b/y", SMALL));
    Path file = find(NAME + "/a/x 1.bin");
    assertThat(file).hasBinaryContent(SMALL).hasFileName("x 1.bin");
    assertThat(file.resolveSibling(WEIGHTS)).doesNotExist();
    Path folder = hub().find(HubName.parse(NAME + "/b").orElseThrow(), ALL);
    assertThat(folder.resolve("y")).hasBinaryContent(SMALL);
    assertThatThrownBy(() -> find(NAME + "/c"))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "maker/model/c: no such file or folder, and maker/model on the hub has none of that name, either");
  }

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

  private List<String> ranges() {
    return played.asked().stream()
        .filter(asked -> asked.server().equals("network") && asked.method().equals("GET"))
        .map(PlayedHub.Asked::range)
        .toList();
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

  /** What the cache has may be less than the repository: the hub is asked, if it can be. */
  @Test
  void asksWhereTheCacheMayLackSomethingBetter() throws IOException {
    put();
    FileChoice uncertain =
        new FileChoice() {
          @Override
          public List<String> of(String folder, List<String> names, String wanted) {
            return List.of(
                wanted != null ? wanted : names.contains(WEIGHTS) ? WEIGHTS : "config.json");
          }

          @Override
          public boolean suffices(List<String> chosen) {
            return true;
          }

          @Override
          public boolean isCertain(List<String> chosen, String wanted) {
            return wanted != null || chosen.contains(WEIGHTS);
          }
        };
    HubName name = HubName.parse(NAME).orElseThrow();
    Path config = hub().find(HubName.parse(NAME + "/config.json").orElseThrow(), uncertain);
    environment.put("HF_HUB_OFFLINE", "1");
    assertThat(hub().find(name, uncertain)).isEqualTo(config.getParent());
    environment.put("HF_HUB_OFFLINE", "0");
    environment.put("HF_ENDPOINT", "http://127.0.0.1:1");
    assertThat(hub().find(name, uncertain)).isEqualTo(config.getParent());
    assertThat(config.resolveSibling(WEIGHTS)).doesNotExist();
    environment.put("HF_ENDPOINT", played.endpoint().toString());
    assertThat(hub().find(name, uncertain).resolve(WEIGHTS)).hasBinaryContent(LARGE);
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
  void saysThatNothingCanBeAsked() throws IOException {
    environment.put("HF_HUB_OFFLINE", "1");
    assertThatThrownBy(() -> find(NAME))
        .isInstanceOf(IOException.class)
        .hasMessageMatching(
            "maker/model: no such file or folder, nor is all of it in \\S+/hf/hub, and"
                + " HF_HUB_OFFLINE forbids to ask the hub");
    environment.put("HF_HUB_OFFLINE", "0");
    environment.put("HF_ENDPOINT", "http://127.0.0.1:1");
    assertThatThrownBy(() -> find(NAME))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(
            "maker/model: no such file or folder, nor in the cache, and http://127.0.0.1:1 cannot be"
                + " reached");
    assertThat(waits).isEmpty();
    assertThat(played.asked()).isEmpty();
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

  @Test
  void waitsForAnotherProcess() throws IOException {
    put();
    Path lock = Files.createDirectories(temp.resolve("hf/hub/.locks/models--maker--model"));
    FolderLock held = FolderLock.tryTake(lock);
    Hub first = hub();
    Hub waiting =
        new Hub(
            HubSettings.of(environment, temp),
            new FetchListener() {
              @Override
              public void pause(String why) {
                pauses.add(why);
              }
            },
            time -> {
              // What the other process does meanwhile.
              try {
                held.release();
                first.find(HubName.parse(NAME).orElseThrow(), ALL);
                played.forget();
              } catch (IOException e) {
                throw new AssertionError(e);
              }
            },
            folder -> free);
    Path found = waiting.find(HubName.parse(NAME).orElseThrow(), ALL);
    assertThat(found.resolve(WEIGHTS)).hasBinaryContent(LARGE);
    assertThat(played.asked()).isEmpty();
    assertThat(pauses)
        .containsExactly("maker/model: another process fetches it; waits until it is there");
  }

  @Test
  void repairsWhatTheCacheLost() throws IOException {
    put();
    Path found = find(NAME);
    Files.delete(repository().resolve("blobs").resolve(checksum(LARGE)));
    assertThat(Files.exists(found.resolve(WEIGHTS))).isFalse();
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
    Files.delete(found.resolve(WEIGHTS));
    Files.write(repository().resolve("blobs").resolve(checksum(LARGE)), new byte[5]);
    assertThat(find(NAME).resolve(WEIGHTS)).hasBinaryContent(LARGE);
  }

  @Test
  void movesFilesWhereLinksAreOff() throws IOException {
    put();
    environment.put("HF_HUB_DISABLE_SYMLINKS", "1");
    Path found = find(NAME);
    assertThat(found.resolve(WEIGHTS)).isRegularFile().hasBinaryContent(LARGE);
    assertThat(Files.isSymbolicLink(found.resolve(WEIGHTS))).isFalse();
  }

  @Test
  void takesAPathBeforeAName() throws IOException {
    Path file = Files.writeString(temp.resolve("file"), "");
    assertThat(Hub.find(file, ALL, FetchListener.NONE)).isEqualTo(file);
    assertThatThrownBy(() -> Hub.named(Path.of("nowhere")))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "nowhere: no such file or folder, and no name on the hub (OWNER/NAME[@REVISION][/PATH]); check it");
    assertThatThrownBy(() -> Hub.named(Path.of("src/nowhere")))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "src/nowhere: no such file or folder in src, which is a folder here; for the repository of that name on the hub give hf://src/nowhere");
    assertThat(Hub.named(Path.of("hf://src/nowhere")).repository()).isEqualTo("src/nowhere");
  }
}
