package io.sluice.hub;

import static io.sluice.hub.PlayedHub.checksum;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.files.FolderLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a name stands for, in the cache and on a hub that answers as it should. */
class HubTest extends HubFixture {
  HubTest() throws IOException {}

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
  void aNameForOtherMachinesHasTheCommitThatABranchIsHere() throws IOException {
    environment.put("HF_HOME", temp.resolve("there").toString());
    Path before = find(NAME, put());
    String commit = played.put(NAME, Map.of(WEIGHTS, LARGE, "config.json", "{}".getBytes()));
    environment.put("HF_HOME", temp.resolve("here").toString());
    assertThat(find(NAME).getFileName()).hasToString(commit);
    String pinned = hub().pinned(HubName.parse(NAME).orElseThrow()).orElseThrow();
    assertThat(pinned).isEqualTo(NAME + "@" + commit);
    assertThat(hub().pinned(HubName.parse("hf://" + NAME + "/a/b").orElseThrow()))
        .contains("hf://" + NAME + "@" + commit + "/a/b");
    assertThat(hub().pinned(HubName.parse("maker/other").orElseThrow())).isEmpty();

    // The other machine has the branch as it was.
    environment.put("HF_HOME", temp.resolve("there").toString());
    assertThat(find(NAME)).isEqualTo(before);
    assertThat(find(pinned).getFileName()).hasToString(commit);
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
