package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.testing.Python;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The packages that read Arrow files open a store by its folder, as docs/python.md says, and see
 * all its rows and nothing else: neither the manifest nor the texts.
 */
@Tag("python")
@Tag("slow")
class StorePackagesTest {
  private static final Path PAGE = Path.of("docs/python.md").toAbsolutePath();
  private static final String HOOK = "layers.0.z";
  private static final int ROWS = 25;
  private static final int WIDTH = 6;

  @TempDir private Path temp;

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16"})
  void eachSeesTheRowsAndNothingElse(DType dtype) throws IOException {
    Python.requireTablePackages();
    Path folder = temp.resolve("activations");
    StoreSpec spec =
        StoreSpec.of("tiny", "novel.txt", List.of(new Column(HOOK, WIDTH, dtype)))
            .withRowsPerShard(7);
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.tokens(TokenTable.of(List.of("a", " whale", "s")));
      writer.document("novel.txt", 0);
      StoreSamples.append(writer, spec, ROWS);
      writer.finish();
    }
    JsonNode all = new ObjectMapper().readTree(Python.run("open_store.py", PAGE, folder, HOOK));
    for (String name : List.of("pyarrow", "datasets", "polars", "pandas")) {
      agrees(all.path(name), ROWS, name);
    }
    agrees(all.path("shard"), 7, "one shard");
    assertThat(all.at("/duckdb/rows").asInt()).isEqualTo(ROWS);
    assertThat(all.at("/duckdb/ids").asLong()).isEqualTo(ids(ROWS));
  }

  private static void agrees(JsonNode seen, int rows, String name) {
    double values = 0;
    for (int row = 0; row < rows; row++) {
      for (int e = 0; e < WIDTH; e++) {
        values += Math.abs(StoreSamples.value(row, 0, e));
      }
    }
    assertThat(seen.path("rows").asInt()).as(name).isEqualTo(rows);
    assertThat(seen.path("ids").asLong()).as(name).isEqualTo(ids(rows));
    // Multiples of 1/8: the sums are exact.
    assertThat(seen.path("values").asDouble()).as(name).isEqualTo(values);
  }

  private static long ids(int rows) {
    long sum = 0;
    for (int row = 0; row < rows; row++) {
      sum += StoreSamples.tokenId(row);
    }
    return sum;
  }
}
