package io.sluice.lorsa.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.LossMeasurement;
import io.sluice.evaluation.LossRecovered;
import io.sluice.geometry.StoreCovariance;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.lorsa.evaluation.LorsaEvaluator;
import io.sluice.lorsa.evaluation.LorsaReconstruction;
import io.sluice.model.LayerAttention;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A Lorsa that is the model's attention, with two heads for each dimension of {@code z}, one for
 * either sign: it leaves nothing unexplained, and the model with it predicts as it did.
 */
class OwnAttentionTest {
  @TempDir Path folder;

  private static Lorsa own(String name, LayerAttention a, int layer, int from) {
    int r = a.headDim();
    int width = (int) a.query().weight().size(1);
    int heads = 2 * a.heads() * r;
    LorsaSpec spec = Queries.spec(a, width, width, heads, a.heads(), heads, false);
    LorsaWeights weights = LorsaWeights.allocate(Arena.ofAuto(), spec);
    Queries.write(a, weights, 1);
    write(weights, LorsaTensor.VALUE, Queries.perHead(a.value().weight(), a, a.heads()), r);
    write(weights, LorsaTensor.VALUE_BIAS, Queries.perHead(a.value().bias(), a, a.heads()), r);
    write(weights, LorsaTensor.OUTPUT, a.output().weight().transpose(0, 1), r);
    a.output().bias().copyTo(weights.get(LorsaTensor.OUTPUT_BIAS));
    String at = "layers." + layer + ".";
    return new Lorsa(new LorsaConfig(name, at + "attn_in", at + "attn_out", from, spec), weights);
  }

  /** Each head's rows, and after them their negatives. */
  private static void write(LorsaWeights weights, LorsaTensor tensor, Tensor rows, int r) {
    List<Tensor> parts = new ArrayList<>();
    for (long first = 0; first < rows.size(0); first += r) {
      parts.add(rows.narrow(0, first, r));
      parts.add(rows.narrow(0, first, r).neg());
    }
    ShapeOperators.cat(parts, 0).copyTo(weights.get(tensor));
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({"tiny-llama, 1", "tiny-mistral, 0", "tiny-gemma2, 0", "tiny-gpt2, 1", "tiny-bert, 0"})
  void leavesNothingUnexplained(String name, int from) throws IOException {
    try (LoadedModel model = AttentionStore.model(name);
        TensorScope scope = TensorScope.open()) {
      Contexts contexts =
          AttentionStore.capture(model, folder, "layers.0.attn_in,layers.0.attn_out", 300);
      Lorsa own = own(name, model.transformer().attention(0), 0, from);
      Evaluation evaluation = LorsaEvaluator.evaluate(own, contexts, Device.CPU, 1000, done -> {});
      assertThat(evaluation.fvu()).isLessThan(1e-8);
      assertThat(evaluation.l0()).isCloseTo(own.config().spec().heads() / 2.0, within(0.6));
      assertThat(evaluation.tokens()).isEqualTo(contexts.store().rows() - from * contexts.count());
    }
  }

  @ParameterizedTest
  @CsvSource({"tiny-llama, 1", "tiny-neox, 0", "tiny-gemma2, 1"})
  void losesNothing(String name, int from) throws IOException {
    try (LoadedModel model = AttentionStore.model(name);
        TensorScope scope = TensorScope.open()) {
      Contexts contexts =
          AttentionStore.capture(model, folder, "layers.1.attn_in,layers.1.attn_out", 100);
      Lorsa own = own(name, model.transformer().attention(1), 1, from);
      Path text = Files.writeString(folder.resolve("other.txt"), AttentionStore.text(90, 8));
      double[] mean = StoreCovariance.of(contexts.store(), "layers.1.attn_out").mean();
      LossMeasurement losses =
          new LossMeasurement(
              model, new ContextSpec(List.of(text), 12, 0, 3, Long.MAX_VALUE), from);
      try (LorsaReconstruction with = new LorsaReconstruction(own, Device.CPU)) {
        LossRecovered found = losses.of(with.output(), with.hooks(), mean, done -> {});
        assertThat(found.loss()).isCloseTo(found.cleanLoss(), within(1e-5));
        assertThat(found.ablatedLoss()).isNotCloseTo(found.cleanLoss(), within(1e-3));
        assertThat(found.recovered()).isCloseTo(1, within(1e-2));
      }
    }
  }

  @Test
  void isReadBackAsItWasSaved() throws IOException {
    try (LoadedModel model = AttentionStore.model("tiny-gemma2");
        TensorScope scope = TensorScope.open()) {
      Lorsa own = own("tiny-gemma2", model.transformer().attention(0), 0, 1);
      own.save(folder);
      Lorsa read = Lorsa.load(folder);
      assertThat(read.config()).isEqualTo(own.config());
      assertThat(read.config().spec().cap()).isEqualTo(3);
      assertThat(read.config().spec().window()).isEqualTo(4);
      for (LorsaTensor tensor : LorsaTensor.values()) {
        MemorySegment expected = own.weights().get(tensor);
        assertThat(read.weights().get(tensor).mismatch(expected)).isEqualTo(-1);
      }
    }
  }

  @Test
  void damagedFilesAreNamedInOneLine() throws IOException {
    try (LoadedModel model = AttentionStore.model("tiny-llama");
        TensorScope scope = TensorScope.open()) {
      own("tiny-llama", model.transformer().attention(0), 0, 1).save(folder);
    }
    Path config = folder.resolve("lorsa.json");
    Path weights = folder.resolve("lorsa.safetensors");
    String json = Files.readString(config);
    byte[] whole = Files.readAllBytes(weights);
    for (String[] change :
        new String[][] {
          {"\"heads\" : 64", "\"heads\" : 63", "63 heads are not whole groups of 4"},
          {"\"k\" : 64", "\"k\" : 65", "k (65) is more than the 64 heads"},
          {"\"k\" : 64", "\"k\" : 63", "was changed"},
          {"\"groups\" : 4", "\"groups\" : 2000000000", "number of groups is 2000000000"},
          {"\"headDim\" : 8", "\"headDim\" : \"8\"", "'headDim' is '8', not a whole number"},
          {"\"scale\" :", "\"size\" :", "'scale' is missing"},
          {"\"causal\" : true", "\"causal\" : 1", "'causal' is 1, not true or false"},
          {"sluice.lorsa/1", "sluice.lorsa/2", "this version reads 'sluice.lorsa/1'"},
          {"{", "", "not valid JSON"},
        }) {
      assertThat(json).contains(change[0]);
      Files.writeString(
          config, json.replaceFirst(java.util.regex.Pattern.quote(change[0]), change[1]));
      assertRefused(config.getFileName().toString(), change[2]);
    }
    Files.writeString(config, json);
    byte[] flipped = whole.clone();
    flipped[whole.length - 5] ^= 0x10;
    Files.write(weights, flipped);
    assertRefused("lorsa.safetensors", "checksum");
    Files.write(weights, java.util.Arrays.copyOf(whole, whole.length - 8));
    assertRefused("lorsa.safetensors", "");
    Files.write(weights, "no such format".getBytes(StandardCharsets.US_ASCII));
    assertRefused("lorsa.safetensors", "");
    Files.delete(weights);
    assertRefused("lorsa.safetensors", "");
    Files.delete(config);
    assertRefused("lorsa.json", "a Lorsa is a folder");
  }

  private void assertRefused(String file, String why) {
    assertThatThrownBy(() -> Lorsa.load(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file)
        .hasMessageContaining(why)
        .hasMessageNotContaining("\n");
  }
}
