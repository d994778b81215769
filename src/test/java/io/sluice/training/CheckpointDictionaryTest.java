package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.engine.EngineFactory;
import io.sluice.files.OutputFolder;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.Kind;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The last checkpoint of a run is, as a dictionary, the one that the run has written. */
class CheckpointDictionaryTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.of(1));

  @TempDir private Path temp;

  @ParameterizedTest
  @ValueSource(
      strings = {"topk", "batchtopk", "jumprelu", "gated", "norms", "whitened", "crosscoder"})
  void theLastCheckpointIsTheDictionary(String which) throws IOException {
    ActivationStore store =
        which.equals("crosscoder")
            ? PairedStore.write(temp.resolve("store"), 2500, DType.F32, 5)
            : SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
    Path run = temp.resolve("run");
    TrainingConfigBuilder config = config(which).steps(30).checkpointEvery(10).keepCheckpoints(2);
    try (Trainer trainer = Trainer.start(store, config.build(), ENGINES, "test", run)) {
      trainer.run(TrainingListener.NONE);
    }
    Path last = run.resolve("checkpoint-000000030.safetensors");
    assertThat(export(last, "last")).isEqualTo(weights(run));
    assertThat(export(run.resolve("checkpoint-000000020.safetensors"), "before"))
        .isNotEqualTo(weights(run));
    assertThat(Files.readString(temp.resolve("last/dictionary.json")))
        .isEqualTo(Files.readString(run.resolve("dictionary.json")));
    if (!which.equals("crosscoder")) {
      OutputFolder.deleteTree(store.folder());
      assertThat(export(last, "without the store")).isEqualTo(weights(run));
    }
  }

  @Test
  void damagedFilesAreNamed() throws IOException {
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
    Path run = temp.resolve("run");
    TrainingConfigBuilder config = config("topk").steps(10).keepCheckpoints(1);
    try (Trainer trainer = Trainer.start(store, config.build(), ENGINES, "test", run)) {
      trainer.run(TrainingListener.NONE);
    }
    Path last = run.resolve("checkpoint-000000010.safetensors");
    Path alone = Files.createDirectory(temp.resolve("alone")).resolve(last.getFileName());
    Files.copy(last, alone);
    assertThatThrownBy(() -> CheckpointDictionary.open(alone).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(alone.resolveSibling("run.json").toString());
    try (RandomAccessFile file = new RandomAccessFile(last.toFile(), "rw")) {
      file.setLength(file.length() - 1);
    }
    assertThatThrownBy(() -> CheckpointDictionary.open(last).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(last.toString());
  }

  private static TrainingConfigBuilder config(String which) {
    TrainingConfigBuilder config = TrainerTest.small();
    return switch (which) {
      case "topk", "batchtopk" -> config.activation(which);
      case "jumprelu", "gated" -> config.activation(which, 0.05, 0);
      case "norms" -> config.activation("batchtopk").scoreByDecoderNorm(true);
      case "whitened" -> config.remedies(Remedies.NONE.whitened(1e-6));
      default ->
          io.sluice.training.config.TrainingConfig.of(PairedStore.INPUT)
              .kind(new Kind.Crosscoder(List.of(PairedStore.TARGET)))
              .features(48)
              .k(4)
              .batch(64);
    };
  }

  private byte[] export(Path checkpoint, String name) throws IOException {
    Path folder = Files.createDirectory(temp.resolve(name));
    try (CheckpointDictionary dictionary = CheckpointDictionary.open(checkpoint)) {
      dictionary.source().save(folder);
    }
    return weights(folder);
  }

  private static byte[] weights(Path folder) throws IOException {
    return Files.readAllBytes(folder.resolve("dictionary.safetensors"));
  }
}
