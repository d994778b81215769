package io.sluice.store.files;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSamples;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.JsonMutations;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Manifests that say something else than their store: it opens, or is refused in one line. */
@Tag("fuzz")
class ManifestFuzzTest {
  @TempDir(factory = InMemory.class)
  private Path folder;

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void opensOrIsRefusedInOneLine() throws IOException {
    Path store = folder.resolve("store");
    StoreSpec spec = StoreSamples.spec();
    try (StoreWriter writer = StoreWriter.create(store, spec)) {
      StoreSamples.append(writer, spec, 16);
      writer.finish();
    }
    Path manifest = store.resolve(Manifest.FILE_NAME);
    // Its checksum would find nearly all of it.
    byte[] json =
        Files.readString(manifest)
            .replaceAll(",\\s*\"checksum\" : \"crc32c:[0-9a-f]{8}\"\\s*}\\s*$", "}")
            .getBytes(StandardCharsets.UTF_8);
    int read =
        FuzzRun.run(
            "ManifestFuzzTest",
            FuzzRun.MUTATIONS,
            store,
            random -> {
              byte[] damaged = JsonMutations.mutate(json, random);
              Files.write(manifest, damaged);
              return damaged.length;
            },
            () -> ActivationStore.open(store).rows());
    assertThat(read).isBetween(FuzzRun.MUTATIONS / 100, FuzzRun.MUTATIONS * 19 / 20);
  }
}
