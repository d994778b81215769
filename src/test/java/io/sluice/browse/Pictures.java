package io.sluice.browse;

import io.sluice.features.FeatureFolder;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Takes pictures of the pages of a folder, or of a page in a file, to be looked at: {@code Pictures
 * FOLDER|PAGE.html PREFIX FRAGMENT…}.
 */
final class Pictures {
  private Pictures() {}

  public static void main(String[] arguments) throws Exception {
    Path scratch = Files.createTempDirectory("pictures");
    boolean inFile = arguments[0].endsWith(".html");
    Path shown = Path.of(arguments[0]);
    try (FeatureServer server =
            inFile ? null : FeatureServer.start(BrowsedFeatures.of(FeatureFolder.open(shown)), 0);
        DevTools browser = DevTools.start(scratch)) {
      for (int i = 2; i < arguments.length; i++) {
        for (int width : new int[] {1280, 400}) {
          for (boolean dark : new boolean[] {false, true}) {
            browser.look(width, width == 400 ? 860 : 900, dark);
            browser.open(URI.create("about:blank"), "true");
            browser.open(
                URI.create((inFile ? shown.toUri() : server.address()) + arguments[i]),
                "!document.getElementById('list-view').hidden"
                    + " || !document.getElementById('feature-view').hidden");
            browser.evaluate("new Promise((done) => setTimeout(done, 300))");
            Path file =
                Path.of(
                    arguments[1] + (i - 2) + "-" + width + (dark ? "-dark" : "-light") + ".png");
            Files.write(file, browser.screenshot(width == 400));
            System.out.println(
                file
                    + " "
                    + browser.evaluate(
                        "[document.documentElement.scrollWidth, innerWidth,"
                            + " document.getElementById('matches').dataset.milliseconds,"
                            + " document.getElementById('feature-view').dataset.milliseconds].join()"));
          }
        }
      }
      System.out.println(browser.console());
    }
  }
}
