package io.sluice.training.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BufferSizeTest {
  @Test
  void twoWindowsAndTheHeldOutTokensFit() {
    Random random = new Random(Seeds.seed());
    for (int i = 0; i < 200; i++) {
      List<Column> columns =
          List.of(
              new Column("layers.0.resid", 1 + random.nextInt(5000), DType.F16),
              new Column("layers.1.resid", 1 + random.nextInt(5000), DType.F32));
      long bytes = (long) (4e9 * Math.exp(4 * random.nextDouble()));
      int batch = 1 + random.nextInt(4096);
      double heldOut = random.nextBoolean() ? 0 : random.nextDouble() / 2;
      BufferSize size = BufferSize.of(bytes, columns, batch, heldOut, 256);
      long window = size.shardsPerWindow() * size.shardBytes();
      long perRow = 2L * columns.get(0).width() + 4L * columns.get(1).width() + 12;
      assertThat(size.shardBytes()).isGreaterThanOrEqualTo(size.rowsPerShard() * perRow);
      double held = heldOut == 0 ? 0 : heldOut * size.rowsPerWindow() + 1000 + 256;
      assertThat(2 * window + held * perRow).isLessThan(bytes);
      // No room for a larger window is left unused, but what shards round away.
      assertThat(2 * window + held * perRow + 4.0 * size.shardBytes()).isGreaterThan(bytes);
      assertThat(size.rowsPerWindow()).isGreaterThanOrEqualTo(4L * batch);
      assertThat(size.mostRows() / size.rowsPerShard() * size.shardBytes())
          .isLessThanOrEqualTo(bytes);
    }
  }

  @Test
  void aSmallBufferIsRefusedWithTheSizeThatItNeeds() {
    List<Column> columns = List.of(new Column("layers.0.resid", 512, DType.F32));
    assertThatThrownBy(() -> BufferSize.of(3_000_000, columns, 1024, 0.05, 256))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a buffer of 3,000,000 bytes is too small")
        .hasMessageContaining("4,096 tokens");
    String message = "";
    try {
      BufferSize.of(3_000_000, columns, 1024, 0.05, 256);
    } catch (IllegalArgumentException e) {
      message = e.getMessage();
    }
    long needed =
        Long.parseLong(message.replaceFirst(".*take ([\\d,]+) bytes.*", "$1").replace(",", ""));
    assertThat(BufferSize.of(needed, columns, 1024, 0.05, 256).rowsPerWindow()).isEqualTo(4096);
  }
}
