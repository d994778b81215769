package io.sluice.hub;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.testing.Python;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The cache is the one of Python's {@code huggingface_hub}, in both directions. */
@Tag("python")
class HubCacheParityTest {
  private static final String NAME = "maker/model";
  private static final List<String> FILES = List.of("config.json", "model.safetensors", "a/x.json");

  @TempDir private Path home;
  private String commit;

  /** What Python fetches, it fetches from the same server: so that answers as the hub does. */
  private final PlayedHub played = new PlayedHub();

  HubCacheParityTest() throws IOException {}

  /** All files. */
  private record All() implements FileChoice {
    @Override
    public List<String> of(String folder, List<String> names, String wanted) {
      return names;
    }

    @Override
    public boolean suffices(List<String> chosen) {
      return chosen.containsAll(FILES);
    }
  }

  @BeforeEach
  void put() {
    byte[] weights = new byte[50_000];
    new Random(3).nextBytes(weights);
    byte[] small = "{\"model_type\": \"x\"}".getBytes(StandardCharsets.UTF_8);
    commit =
        played.put(
            NAME, Map.of(FILES.get(0), small, FILES.get(1), weights, FILES.get(2), new byte[0]));
  }

  private Path find(String... offline) throws IOException {
    Map<String, String> environment =
        Map.of(
            "HF_HOME",
            home.toString(),
            "HF_ENDPOINT",
            played.endpoint().toString(),
            "HF_HUB_OFFLINE",
            String.join("", offline));
    return new Hub(
            HubSettings.of(environment, home),
            FetchListener.NONE,
            Patience.Pause.SLEEP,
            folder -> Long.MAX_VALUE)
        .find(HubName.parse(NAME).orElseThrow(), new All());
  }

  @Test
  void pythonFindsWhatSluiceFetched() throws IOException {
    Python.require();
    Path snapshot = find();
    Object[] arguments = {"find", home, NAME, commit, FILES.get(0), FILES.get(1), FILES.get(2)};
    JsonNode found = new ObjectMapper().readTree(Python.run("hub_cache.py", arguments));
    assertThat(found.get("snapshot").asText()).isEqualTo(snapshot.toString());
    for (String way : List.of("files", "byCommit", "tried")) {
      assertThat(found.get(way)).hasSize(FILES.size());
      for (int i = 0; i < FILES.size(); i++) {
        assertThat(found.get(way).get(i).asText())
            .isEqualTo(snapshot.resolve(FILES.get(i)).toString());
      }
    }
    assertThat(found.get("warnings")).isEmpty();
    assertThat(found.get("repositories").toString()).isEqualTo("{\"maker/model\":3}");
    assertThat(found.get("refs").toString()).isEqualTo("[[\"main\"]]");
  }

  @Test
  void sluiceFindsWhatPythonFetched() throws IOException {
    Python.require();
    String folder = Python.run("hub_cache.py", "fetch", home, played.endpoint(), NAME).strip();
    played.forget();
    assertThat(find("1")).isEqualTo(Path.of(folder));
    assertThat(played.asked()).isEmpty();
  }

  /** Python asks again for what Sluice fetched, finds it unchanged, and fetches nothing. */
  @Test
  void pythonFetchesNothingThatSluiceFetched() throws IOException {
    Python.require();
    Path snapshot = find();
    played.forget();
    assertThat(Python.run("hub_cache.py", "fetch", home, played.endpoint(), NAME).strip())
        .isEqualTo(snapshot.toString());
    assertThat(played.asked())
        .isNotEmpty()
        .noneMatch(asked -> asked.method().equals("GET") && asked.server().equals("network"));
  }
}
