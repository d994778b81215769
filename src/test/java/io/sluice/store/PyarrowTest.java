package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.store.files.Column;
import io.sluice.testing.Python;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Python reads a store in place. */
@Tag("python")
class PyarrowTest {
  private static final int ROWS = 25;

  @TempDir Path folder;

  @Tag("slow")
  @Test
  void pyarrowMapsEveryColumnWithoutCopyAndSeesTheSameValues() throws IOException {
    Python.require();
    StoreSpec spec = StoreSamples.write(folder, ROWS);
    JsonNode seen = new ObjectMapper().readTree(Python.run("check_store.py", folder));
    assertThat(seen.path("rows").asLong()).isEqualTo(ROWS);
    assertThat(seen.path("allocated").asLong()).isZero();
    JsonNode columns = seen.path("columns");
    assertThat(columns.size()).isEqualTo(spec.columns().size() + 3);
    for (int c = 0; c < spec.columns().size(); c++) {
      Column column = spec.columns().get(c);
      JsonNode entry = columns.path(column.name());
      assertThat(entry.path("dtype").asText()).isEqualTo(column.dtype().label());
      assertThat(entry.path("width").asInt()).isEqualTo(column.width());
      double sum = 0;
      double weighted = 0;
      for (int row = 0; row < ROWS; row++) {
        for (int e = 0; e < column.width(); e++) {
          float value = StoreSamples.value(row, c, e);
          sum += Math.abs(value);
          weighted += value * ((row * column.width() + e) % 97);
        }
      }
      // Multiples of 1/8: the sums are exact.
      assertThat(entry.path("sum").asDouble()).isEqualTo(sum);
      assertThat(entry.path("weighted").asDouble()).isEqualTo(weighted);
    }
    double tokens = 0;
    for (int row = 0; row < ROWS; row++) {
      tokens += StoreSamples.tokenId(row);
    }
    assertThat(columns.path(Column.TOKEN_ID).path("sum").asDouble()).isEqualTo(tokens);
  }
}
