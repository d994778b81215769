package io.sluice.cli.stream;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.options.ContextOptions;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.training.run.StoppedException;
import io.sluice.training.stream.NotBegunException;
import io.sluice.training.stream.StreamPlan;
import io.sluice.training.stream.StreamedRuns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Plans what is trained on while a model runs, and says how.
 *
 * @param command prints, and refuses options
 * @param out the folder of the stream
 */
record StreamStart(SluiceCommand command, Path out) {
  /** Reads the texts and cuts them into windows. */
  StreamPlan plan(StreamOptions options, LoadedModel model, CaptureSpec spec, StreamPlan.Rule rule)
      throws IOException {
    StreamPlan plan;
    try {
      plan = StreamPlan.of(model, spec, options.buffer(command), rule);
    } catch (IllegalArgumentException e) {
      throw command.usage(e.getMessage());
    }
    ContextOptions.tell(command, plan.capture().problems());
    return plan;
  }

  /**
   * Refuses a disk that has not room for the buffer.
   *
   * @param remedy what to do, for the message
   */
  void requireDisk(StreamPlan plan, String remedy) throws IOException {
    Path there = out.toAbsolutePath().normalize();
    while (!Files.exists(there) && there.getParent() != null) {
      there = there.getParent();
    }
    long free = Files.getFileStore(there).getUsableSpace() + StreamedRuns.bufferBytes(out);
    if (plan.mostBytes() > free) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "%s: the buffer takes up to %,d bytes of the disk, but %,d are free; %s",
              out,
              plan.mostBytes(),
              free,
              remedy));
    }
  }

  /**
   * Says how many windows there are.
   *
   * @param name of the command
   * @param batch tokens per step
   */
  void tell(String name, StreamPlan plan, int batch) {
    command
        .err()
        .printf(
            Locale.ROOT,
            "%s: %,d tokens of text in %s, which take up to %,d bytes of the disk; one pass is"
                + " %,d steps%n",
            name,
            plan.capture().tokens(),
            plan.windows() == 1
                ? "one window"
                : String.format(
                    Locale.ROOT, "%,d windows of %,d", plan.windows(), plan.rowsPerWindow()),
            plan.mostBytes(),
            plan.onePass(batch));
    command.err().flush();
  }

  /**
   * Says that nothing was trained, as something asked to stop before that.
   *
   * @param name of the command
   * @param left what is left, for the message
   */
  StoppedException notBegun(String name, NotBegunException e, String left) {
    command.err().println(name + ": " + e.getMessage() + "; " + left);
    return new StoppedException(e.getMessage());
  }
}
