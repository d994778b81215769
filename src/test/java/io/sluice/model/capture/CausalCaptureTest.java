package io.sluice.model.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Column;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is stored of causal models, which see a token before the text, in contexts that overlap. */
@Tag("model")
@Tag("cuda")
class CausalCaptureTest {
  private static final String TEXT = "the whale white sea of a . , call me ishmael";

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"1000, 1", "1000, 4", "3, 2", "1, 3"})
  void storesEachTokenOnceFromTheFirstContextThatHasIt(int rowsPerShard, int batch)
      throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), TEXT);
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      HookPoint point = HookPoint.parse("layers.1.attn_out");
      ContextSpec contexts = new ContextSpec(List.of(text), 6, 3, batch, Long.MAX_VALUE);
      Capture plan = Capture.plan(model, CaptureSpec.of(contexts, List.of(point)));
      assertThat(plan.rows()).isEqualTo(plan.tokens()).isEqualTo(11);
      Path out = folder.resolve("store");
      plan.run(out, plan.storeSpec().withRowsPerShard(rowsPerShard), done -> {});
      ActivationStore store = ActivationStore.open(out);
      assertThat(store.manifest().properties()).containsEntry("causal", "true");
      assertThat(store.firstPosition()).isEqualTo(1);
      assertThat(StoredValues.ints(store, Column.TOKEN_ID))
          .containsExactly(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
      assertThat(StoredValues.ints(store, Column.POSITION))
          .containsExactly(1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5);

      List<Float> expected = new ArrayList<>();
      expect(model, point, 1, expected, 0, 3, 4, 5, 6, 7);
      expect(model, point, 3, expected, 0, 6, 7, 8, 9, 10);
      expect(model, point, 3, expected, 0, 9, 10, 11, 12, 13);
      List<Float> actual = StoredValues.floats(store, point.toString());
      assertThat(actual).hasSameSizeAs(expected);
      for (int i = 0; i < actual.size(); i++) {
        assertThat(actual.get(i)).isCloseTo(expected.get(i), within(1e-5f));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"FLOAT32, BF16", "BFLOAT16, F32", "BFLOAT16, BF16"})
  void computesAndStoresInTypesOfTheirOwn(ComputeType computed, DType stored) throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), TEXT);
    try (LoadedModel model = TinyModel.MISTRAL.open(computed)) {
      ContextSpec contexts = new ContextSpec(List.of(text), 6, 0, 2, Long.MAX_VALUE);
      List<HookPoint> hooks = HookPatterns.select("layers.2.*", model.transformer().hookPoints());
      CaptureSpec spec = CaptureSpec.of(contexts, hooks).withDtype(stored);
      Path out = folder.resolve("store");
      Capture.plan(model, spec).run(out, done -> {});
      ActivationStore store = ActivationStore.open(out);
      assertThat(store.rows()).isEqualTo(11);
      assertThat(store.manifest().properties()).containsEntry("computed", computed.label());
      assertThat(store.column("layers.2.z").dtype()).isEqualTo(stored);
    }
  }

  private static void expect(
      LoadedModel model, HookPoint point, int first, List<Float> into, int... ids) {
    try (TensorScope scope = TensorScope.open()) {
      model
          .transformer()
          .observe(
              TokenBatch.of(List.of(ids)),
              Hooks.none()
                  .observe(
                      List.of(point),
                      (at, x) -> {
                        float[] values = x.toFloats();
                        for (int i = first * 24; i < values.length; i++) {
                          into.add(values[i]);
                        }
                      }));
    }
  }
}
