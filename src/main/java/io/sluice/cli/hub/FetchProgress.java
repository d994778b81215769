package io.sluice.cli.hub;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Terminal;
import io.sluice.hub.FetchListener;

/** Shows how far a fetch is. */
final class FetchProgress implements FetchListener, AutoCloseable {
  private static final long LARGE = 10_000_000;

  private final SluiceCommand command;
  private Progress progress;
  private long unit = 1;
  private long done;

  FetchProgress(SluiceCommand command) {
    this.command = command;
  }

  @Override
  public void begin(String name, long bytes, long present) {
    unit = bytes >= LARGE ? 1_000_000 : 1000;
    String label = "fetch " + name;
    String units = bytes >= LARGE ? "MB" : "kB";
    progress = command.progress(label, Math.ceilDiv(bytes, unit), units).startingAt(present / unit);
  }

  @Override
  public void at(long bytes, String remark) {
    done = Math.ceilDiv(bytes, unit);
    progress.update(done, remark);
  }

  @Override
  public void pause(String why) {
    if (progress != null && Terminal.onError()) {
      progress.update(done, why); // A line of its own would break the bar.
    } else {
      command.err().println(why);
      command.err().flush();
    }
  }

  @Override
  public void end() {
    progress.update(done, "");
    progress.done();
  }

  @Override
  public void close() {
    if (progress != null) {
      progress.close();
    }
  }
}
