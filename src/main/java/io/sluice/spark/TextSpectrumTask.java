package io.sluice.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.sluice.cli.Main;
import io.sluice.cli.results.TextMeasuring;
import io.sluice.evaluation.RunningCovariance;
import io.sluice.geometry.TokenMoments;
import io.sluice.model.HookPoint;
import io.sluice.model.capture.CapturePart;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/** What an executor does for {@link ClusterSpectrum} with texts, with one model in its process. */
final class TextSpectrumTask {
  private static final Map<List<String>, TextSpectrumTask> OPEN = new HashMap<>();

  private final TextMeasuring measuring;

  private TextSpectrumTask(TextMeasuring measuring) {
    this.measuring = measuring;
  }

  /**
   * The task of a command line; the model stays open as long as the process lives.
   *
   * @throws IOException if this executor does not see the model, or it is damaged
   */
  static synchronized TextSpectrumTask of(List<String> words) throws IOException {
    TextSpectrumTask open = OPEN.get(words);
    if (open == null) {
      ExecutorPath.requireThoseOf(words, "--model");
      open = new TextSpectrumTask(Main.parsed(new ClusterSpectrum(), words).measuringTextsHere());
      OPEN.put(words, open);
    }
    return open;
  }

  /**
   * The moments of a part's hook points, when no other task of this process runs the model.
   *
   * @param number of the part
   * @param required what this executor has to have
   * @param tokens is told of each batch
   */
  Iterator<Tuple2<MomentNode, PackedMoments>> moments(
      int number, CapturePart part, MixedExecutors.Required required, LongAccumulator tokens)
      throws IOException {
    required.check();
    ExecutorPath.require(Path.of(part.files().getFirst()));
    Map<HookPoint, TokenMoments> moments = moments(part, tokens);
    List<HookPoint> points = measuring.points();
    return IntStream.range(0, points.size())
        .mapToObj(
            hook ->
                new Tuple2<>(
                    new MomentNode(hook, number), PackedMoments.of(moments.get(points.get(hook)))))
        .iterator();
  }

  private synchronized Map<HookPoint, TokenMoments> moments(
      CapturePart part, LongAccumulator tokens) throws IOException {
    long[] before = new long[1];
    return RunningCovariance.ofPart(
        measuring.model(),
        measuring.contexts(),
        part,
        measuring.points(),
        measuring.first(),
        measuring.exclusion(),
        measuring.directions(),
        done -> {
          tokens.add(done - before[0]);
          before[0] = done;
        });
  }

  /** The spectrum of a hook point; {@code keep}: whether the result has the moments, too. */
  Measured spectrum(Tuple2<MomentNode, PackedMoments> root, boolean keep)
      throws JsonProcessingException {
    HookPoint point = measuring.points().get(root._1().hook());
    return Measured.of(measuring.spectra(), point.toString(), root, keep);
  }
}
