package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.geometry.StoreCovariance;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * A store of more files than a process may map opens, and spectra and training over it are those of
 * the same rows in few files.
 */
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class ManyShardsTest {
  private static final String HOOK = "layers.0.attn_out";
  private static final int WIDTH = 8;
  private static final int KINDS = 40;

  /** Above a quarter of what Linux lets a process map, by default. */
  private static final int SHARDS = 17_000;

  @TempDir private Path temp;

  @Test
  void moreFilesThanAProcessMaps() throws IOException {
    Path many = temp.resolve("many");
    linkShards(write(temp.resolve("source"), KINDS, 1), many);
    Path few = write(temp.resolve("few"), SHARDS, SHARDS);
    ActivationStore store = ActivationStore.open(many);
    assertThat(store.reading()).isEqualTo(Reading.COPIED);
    assertThat(store.rows()).isEqualTo(SHARDS);
    double[] expected = StoreCovariance.of(ActivationStore.open(few), HOOK).mean();
    double[] mean = StoreCovariance.of(store, HOOK).mean();
    for (int i = 0; i < WIDTH; i++) {
      assertThat(mean[i]).isCloseTo(expected[i], within(1e-9));
    }
    double[] fvu = new double[2];
    for (Path folder : List.of(many, few)) {
      Path run = temp.resolve("run-" + folder.getFileName());
      Object[] train = {
        "train",
        "--store",
        folder,
        "--hook",
        HOOK,
        "--features",
        16,
        "--k",
        2,
        "--batch",
        256,
        "--steps",
        10,
        "--from-position",
        0,
        "--out",
        run,
        "--json"
      };
      fvu[folder.equals(many) ? 0 : 1] = json(train).get("fvu").asDouble();
    }
    assertThat(fvu[0]).isEqualTo(fvu[1]);
  }

  /** Rows that come again and again. */
  private static Path write(Path folder, int rows, int rowsPerShard) throws IOException {
    StoreSpec spec =
        StoreSpec.of("tiny", "noise", List.of(new Column(HOOK, WIDTH, DType.F32)))
            .withRowsPerShard(rowsPerShard);
    MemorySegment values = Arena.ofAuto().allocate(4L * WIDTH * rows, 4);
    for (int row = 0; row < rows; row++) {
      Random random = new Random(row % KINDS);
      for (int i = 0; i < WIDTH; i++) {
        values.setAtIndex(
            ValueLayout.JAVA_FLOAT, (long) row * WIDTH + i, (float) random.nextGaussian());
      }
    }
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, values);
      writer.finish();
    }
    return folder;
  }

  /** A store whose files are the source's, again and again. */
  private static void linkShards(Path source, Path many) throws IOException {
    Files.createDirectory(many);
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode manifest =
        (ObjectNode) mapper.readTree(Files.readString(source.resolve(".manifest.json")));
    manifest.remove("checksum");
    JsonNode shards = manifest.get("shards");
    ArrayNode linked = mapper.createArrayNode();
    for (int i = 0; i < SHARDS; i++) {
      ObjectNode shard = shards.get(i % KINDS).deepCopy();
      String name = String.format(Locale.ROOT, "shard-%05d.arrow", i);
      Files.createLink(many.resolve(name), source.resolve(shard.get("file").asText()));
      linked.add(shard.put("file", name));
    }
    manifest.set("shards", linked);
    manifest.put("rows", SHARDS);
    Files.write(many.resolve("manifest.json"), mapper.writeValueAsBytes(manifest));
  }

  private static JsonNode json(Object... arguments) throws IOException {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status =
        Main.run(
            new PrintWriter(out, true),
            new PrintWriter(err, true),
            Stream.of(arguments).map(Object::toString).toArray(String[]::new));
    assertThat(status).as(err.toString()).isZero();
    return new ObjectMapper().readTree(out.toString());
  }
}
