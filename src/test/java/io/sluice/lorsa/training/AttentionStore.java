package io.sluice.lorsa.training;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** What attention of a tiny model reads and writes over a random text. */
public final class AttentionStore {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/model");
  private static final String[] WORDS = {
    "the", "whale", "white", "sea", "of", "a", ".", ",", "call", "me", "ishmael", "ship", "sail"
  };

  private AttentionStore() {}

  /** A tiny model by the name of its folder. */
  public static LoadedModel model(String name) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    Path folder = name.equals("tiny-bert") ? GOLDEN : GOLDEN.resolve("causal");
    return LoadedModel.open(folder.resolve(name), Device.CPU);
  }

  /** A text of so many random words, the same for the same seed. */
  public static String text(int words, long seed) {
    Random random = new Random(seed);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < words; i++) {
      text.append(WORDS[random.nextInt(WORDS.length)]).append(' ');
    }
    return text.toString();
  }

  /** Captures contexts of 16 tokens, special ones included, over shards that cut them. */
  public static Contexts capture(LoadedModel model, Path folder, String hooks, int words)
      throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), text(words, 5));
    List<HookPoint> points = HookPatterns.select(hooks, model.transformer().hookPoints());
    ContextSpec contexts = new ContextSpec(List.of(text), 16, 0, 4, Long.MAX_VALUE);
    Capture capture = Capture.plan(model, CaptureSpec.of(contexts, points).withSpecialTokens(true));
    Path store = folder.resolve("store");
    capture.run(store, capture.storeSpec().withRowsPerShard(77), done -> {});
    return Contexts.of(ActivationStore.open(store));
  }
}
