package io.sluice.features.effects;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** A small store of a tiny model, and dictionaries of random weights over it. */
public final class TinyFeatures {
  private static final List<String> DOCUMENTS =
      List.of(
          "call me ishmael . the whale the white whale of the sea , and a ship to sail",
          "he was not on the ship but in the sea with his whale",
          "all that is white is a sail");

  private TinyFeatures() {}

  /** Captures three documents in contexts of ten tokens. */
  public static ActivationStore capture(
      LoadedModel model, Path folder, String hooks, boolean specialTokens) throws IOException {
    Path texts = Files.createDirectories(folder.resolve("texts"));
    for (int i = 0; i < DOCUMENTS.size(); i++) {
      Files.writeString(texts.resolve("text-" + i + ".txt"), DOCUMENTS.get(i));
    }
    List<HookPoint> points = HookPatterns.select(hooks, model.transformer().hookPoints());
    CaptureSpec spec =
        CaptureSpec.of(List.of(texts), points).withContexts(10, 2).withSpecialTokens(specialTokens);
    Path store = folder.resolve("store");
    Capture.plan(model, spec).run(store, done -> {});
    return ActivationStore.open(store);
  }

  /** A dictionary of random weights from {@code reads} to {@code writes}. */
  public static Dictionary dictionary(int features, Site reads, List<Site> writes, long seed) {
    int width = Site.widths(writes);
    DictionaryParameters weights =
        DictionaryParameters.allocate(Arena.ofAuto(), reads.width(), width, features);
    Random random = new Random(seed);
    for (MemorySegment part :
        List.of(
            weights.encoder(), weights.encoderBias(), weights.decoder(), weights.decoderBias())) {
      for (long i = 0; i < part.byteSize() / Float.BYTES; i++) {
        part.setAtIndex(DictionaryParameters.FLOAT, i, (float) (random.nextGaussian() / 2));
      }
    }
    DictionaryConfig config =
        new DictionaryConfig(
            "tiny",
            reads.hook(),
            Site.names(writes),
            reads.width(),
            width,
            features,
            new TopK(1),
            writes.equals(List.of(reads)),
            false);
    return new Dictionary(writes.size() > 1 ? config.withSites(writes) : config, weights);
  }
}
