package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A hook that runs its own model, and two threads in one model, are refused. */
class OnePassTest {
  private static final TokenBatch BATCH = TokenBatch.of(List.of(new int[] {0, 4, 9, 7}));
  private static final TokenBatch LONGER = TokenBatch.of(List.of(new int[] {1, 2, 3, 4, 5, 6}));
  private static final HookPoint POINT = HookPoint.parse("layers.1.attn_out");

  @AfterEach
  void useWhatIsFaster() {
    System.clearProperty(LayerBackend.PROPERTY);
  }

  static Stream<Consumer<LanguageModel>> uses() {
    return Stream.of(
        model -> model.forward(LONGER, Hooks.none()),
        model -> model.observe(LONGER, Hooks.none()),
        model -> model.loss(LONGER, Hooks.none()),
        model -> {
          try (Decoding text = model.decode()) {
            text.read(1, 2, 3);
          }
        });
  }

  @ParameterizedTest
  @MethodSource("uses")
  void aHookCannotRunItsOwnModel(Consumer<LanguageModel> use) throws IOException {
    for (String engine : List.of("vector", "libtorch")) {
      System.setProperty(LayerBackend.PROPERTY, engine);
      try (LoadedModel loaded = TinyModel.LLAMA.open();
          TensorScope scope = TensorScope.open()) {
        LanguageModel model = loaded.languageModel();
        float[] before = model.forward(BATCH, Hooks.none()).toFloats();
        Hooks hooks =
            Hooks.none()
                .replace(
                    POINT,
                    (at, activation) -> {
                      use.accept(model);
                      return activation;
                    });
        assertThatThrownBy(() -> model.forward(BATCH, hooks))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("a hook cannot run the model");
        assertThatThrownBy(() -> model.observe(BATCH, hooks))
            .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> model.loss(BATCH, hooks))
            .isInstanceOf(IllegalStateException.class);
        // The model is free again, and computes what it did.
        assertThat(model.forward(BATCH, Hooks.none()).toFloats()).containsExactly(before);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"vector", "libtorch"})
  void anEncodersHookCannotRunItEither(String engine) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    System.setProperty(LayerBackend.PROPERTY, engine);
    try (LoadedModel loaded = Demo.tiny();
        TensorScope scope = TensorScope.open()) {
      Transformer model = loaded.transformer();
      Hooks hooks =
          Hooks.none().observe(List.of(POINT), (at, x) -> model.observe(BATCH, Hooks.none()));
      assertThatThrownBy(() -> model.forward(BATCH, hooks))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("a hook cannot run the model");
    }
  }

  @Test
  void aHookMayRunAnotherModelAndTakeLogits() throws IOException {
    try (LoadedModel one = TinyModel.LLAMA.open();
        LoadedModel other = TinyModel.GPT2.open();
        TensorScope scope = TensorScope.open()) {
      float[] plain = one.transformer().forward(BATCH, Hooks.none()).toFloats();
      Hooks hooks =
          Hooks.none()
              .observe(
                  List.of(POINT),
                  (at, x) -> {
                    one.languageModel().logits(x);
                    other.transformer().forward(LONGER, Hooks.none());
                  });
      assertThat(one.transformer().forward(BATCH, hooks).toFloats()).containsExactly(plain);
    }
  }

  @Tag("slow")
  @Test
  void twoThreadsCannotUseOneModel() throws Exception {
    try (LoadedModel loaded = TinyModel.LLAMA.open();
        TensorScope scope = TensorScope.open()) {
      Transformer model = loaded.transformer();
      Throwable[] thrown = new Throwable[1];
      Hooks hooks =
          Hooks.none()
              .observe(
                  List.of(POINT),
                  (at, x) -> {
                    Thread second = new Thread(() -> model.observe(BATCH, Hooks.none()));
                    second.setUncaughtExceptionHandler((thread, e) -> thrown[0] = e);
                    second.start();
                    try {
                      second.join();
                    } catch (InterruptedException e) {
                      throw new IllegalStateException(e);
                    }
                  });
      model.forward(BATCH, hooks);
      assertThat(thrown[0])
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("one thread at a time");
    }
  }
}
