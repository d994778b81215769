package io.sluice.cli;

import io.sluice.browse.BrowsedFeatures;
import io.sluice.browse.DesktopBrowser;
import io.sluice.browse.FeatureFile;
import io.sluice.browse.FeatureSelection;
import io.sluice.browse.FeatureServer;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.OutputFile;
import io.sluice.features.FeatureFolder;
import io.sluice.features.compare.MatchFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code sluice browse}: features in a browser, from a server on this machine or as one file. */
@Command(
    name = "browse",
    description = {
      "Show the features of a dictionary in a browser.",
      "It serves a page on 127.0.0.1 until it is interrupted: a list that filters and sorts all "
          + "features at once, and a page for each feature. The address has a secret in it that "
          + "keeps other users of the machine out. With --html it writes some of the features into "
          + "one file instead. With the features of a second dictionary and the matches of 'sluice "
          + "compare', each feature is shown with those of the other that are most like it. The page makes no request to any other host."
    })
@Examples({
  "sluice browse --features features",
  "sluice browse --features features --html features.html --select top-density:100",
  "sluice browse --features features-a --features features-b --matches matches.arrow"
})
final class BrowseCommand extends SluiceCommand {
  private static final int HIGHEST_PORT = 65535;

  @Option(
      names = "--features",
      paramLabel = "DIR",
      required = true,
      description =
          "Show the features in this folder of 'sluice features'; given twice, with --matches, also "
              + "those of a second dictionary.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<Path> features;

  @Option(
      names = "--matches",
      paramLabel = "FILE",
      description =
          "Show at each feature its best matches in the other dictionary, from this file of "
              + "'sluice compare --matches'.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path matches;

  @Option(
      names = "--port",
      paramLabel = "N",
      defaultValue = "0",
      description = "Serve on this port (default: a free one).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int port;

  @Option(
      names = "--no-open",
      description = "Print the address and do not open it in the desktop's browser.")
  @Grouped(OptionGroup.ESSENTIAL)
  private boolean closed;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description =
          "Write the features that --select names into this HTML file, and serve nothing. The file "
              + "is complete in itself.")
  @Grouped(OptionGroup.OUTPUT)
  private Path html;

  @Option(
      names = "--select",
      paramLabel = "WHICH",
      defaultValue = "top-density:100",
      description =
          "Put these features into the file of --html: numbers with commas (1,2,3), the N that fire "
              + "most often (top-density:N), or N drawn with --seed (random:N) (default: "
              + "${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.OUTPUT)
  private String select;

  @Override
  protected void run() throws IOException, InterruptedException {
    if (port < 0 || port > HIGHEST_PORT) {
      throw usage("--port is %d, must be 0 to %d".formatted(port, HIGHEST_PORT));
    }
    if (features.size() > 2) {
      throw usage("--features is given %d times; at most two".formatted(features.size()));
    }
    if ((features.size() == 2) != (matches != null)) {
      throw usage(
          features.size() == 2
              ? "two dictionaries need --matches FILE, from 'sluice compare --matches FILE'"
              : "--matches is between two dictionaries; give --features twice");
    }
    if (html == null && given("--select")) {
      throw usage("--select names the features of a file; give --html FILE as well");
    }
    if (html != null && (given("--port") || closed)) {
      throw usage("--html writes a file and serves nothing; leave out --port and --no-open");
    }
    if (html != null) {
      write();
    } else {
      serve();
    }
  }

  private void write() throws IOException {
    FeatureSelection selection;
    try {
      selection = FeatureSelection.parse(select);
    } catch (IllegalArgumentException e) {
      throw usage("--select: " + e.getMessage());
    }
    OutputFile.check("--html", html);
    BrowsedFeatures browsed = open();
    long bytes;
    try {
      bytes = FeatureFile.write(browsed, selection, seed(), html);
    } catch (IllegalArgumentException e) {
      throw usage("--select: " + e.getMessage());
    }
    out().printf(Locale.ROOT, "%s  %.1f MB%n", html, bytes / 1e6);
  }

  private BrowsedFeatures open() throws IOException {
    FeatureFolder first = FeatureFolder.open(features.getFirst());
    return matches == null
        ? BrowsedFeatures.of(first)
        : BrowsedFeatures.of(
            first, FeatureFolder.open(features.getLast()), MatchFile.open(matches));
  }

  private void serve() throws IOException, InterruptedException {
    try (FeatureServer server = FeatureServer.start(open(), port)) {
      out().printf("%s%n", server.address());
      out().flush();
      boolean opened = !closed && DesktopBrowser.open(server.address());
      err()
          .printf(
              "%s; Ctrl-C ends%n",
              opened ? "opened in the browser" : "open this address in a browser");
      err().flush();
      // Until a signal ends the process.
      new CountDownLatch(1).await();
    }
  }
}
