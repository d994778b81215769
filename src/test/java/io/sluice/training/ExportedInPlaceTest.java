package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import io.sluice.training.start.StartingPoint;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights are exported where they are, and come back bit for bit. */
@Tag("slow")
class ExportedInPlaceTest {
  private static final int WIDTH = 37;

  /** More rows than are replaced at a time. */
  private static final int FEATURES = 120_000;

  /** What is hard to find again: signed zeros, and what loses bits below the normal range. */
  private static final float[] HARD = {
    0, -0f, Float.MIN_VALUE, -Float.MIN_VALUE, 1e-42f, Float.MIN_NORMAL, -1.0000001f, 0.99999994f
  };

  private static void fill(MemorySegment values, Random random) {
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      boolean hard = random.nextInt(50) == 0;
      float value = hard ? HARD[random.nextInt(HARD.length)] : (float) random.nextGaussian();
      values.setAtIndex(DictionaryParameters.FLOAT, i, value);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.3719, 1, 1.9999999, 7.123e-4, 3e-30, 812.7})
  void isTheExportedDictionaryAndThenTheTrainedOne(double scale) throws IOException {
    Random random = new Random(Seeds.seed());
    DictionaryConfig config =
        new DictionaryConfig("m", "h", "h", WIDTH, WIDTH, FEATURES, new TopK(4), false, false);
    StartingPoint start =
        new StartingPoint(
            scale,
            1,
            0,
            1,
            10,
            0,
            List.of(new SiteScaling("h", scale, List.of())),
            List.of(new SiteScaling("h", scale / 3, List.of())));
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      DictionaryParameters trained = DictionaryParameters.allocate(arena, WIDTH, WIDTH, FEATURES);
      fill(trained.encoder(), random);
      fill(trained.encoderBias(), random);
      fill(trained.decoder(), random);
      fill(trained.decoderBias(), random);
      EngineFactory engines = EngineFactory.vector(workers);
      assertThat(engines.readsInPlace()).isTrue();
      try (Engine engine = engines.open(config.spec(Optimiser.SPARSE_ADAM), trained)) {
        DictionarySource source = Export.dictionary(config, engine, start, null);
        DictionaryParameters wanted = source.read(arena).parameters();
        try (ExportedInPlace placed = ExportedInPlace.of(engine, source, start)) {
          Dictionary found = placed.dictionary();
          assertThat(found.config()).isEqualTo(config);
          assertSame(found.parameters(), wanted);
          // It is the engine's own memory.
          StateTensor encoder = engine.state().getFirst();
          assertThat(found.parameters().encoder().address())
              .isEqualTo(engine.read(encoder, arena).address());
        }
        assertSame(engine.parameters(arena), trained);
      }
    }
  }

  private static void assertSame(DictionaryParameters found, DictionaryParameters wanted) {
    assertThat(found.encoder().mismatch(wanted.encoder())).isEqualTo(-1);
    assertThat(found.encoderBias().mismatch(wanted.encoderBias())).isEqualTo(-1);
    assertThat(found.decoder().mismatch(wanted.decoder())).isEqualTo(-1);
    assertThat(found.decoderBias().mismatch(wanted.decoderBias())).isEqualTo(-1);
  }
}
