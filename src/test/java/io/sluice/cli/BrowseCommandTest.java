package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.features.SyntheticFeatures;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BrowseCommandTest {
  private static final Pattern ADDRESS = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/\\S+/");

  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void writesTheSelectedFeaturesIntoOneFile() throws IOException {
    Path page = folder.resolve("features.html");
    assertThat(run("--features", features(), "--html", page.toString(), "--select", "3,1"))
        .isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString()).startsWith(page.toString()).contains("MB");
    assertThat(Files.readString(page)).contains("\"feature\":[3,1]", "default-src 'none'");
  }

  @Test
  void servesUntilItIsInterrupted() throws Exception {
    String features = features();
    Thread serving = Thread.ofPlatform().start(() -> run("--features", features, "--no-open"));
    Matcher address = ADDRESS.matcher(out.toString());
    while (serving.isAlive() && !address.find()) {
      Thread.onSpinWait();
      address = ADDRESS.matcher(out.toString());
    }
    HttpURLConnection page =
        (HttpURLConnection) URI.create(address.group()).toURL().openConnection();
    assertThat(page.getResponseCode()).isEqualTo(200);
    serving.interrupt();
    serving.join();
  }

  @Test
  void wrongUsageIsOneLine() throws IOException {
    String features = features();
    String page = folder.resolve("p.html").toString();
    refused(2, "--port is 70000", "--features", features, "--port", "70000");
    refused(2, "--html FILE", "--features", features, "--select", "1");
    refused(2, "leave out --port", "--features", features, "--html", page, "--port", "1");
    refused(2, "need --matches", "--features", features, "--features", features);
    refused(2, "--features twice", "--features", features, "--matches", page);
    refused(2, "is not a selection", "--features", features, "--html", page, "--select", "all");
    refused(2, "no feature 99", "--features", features, "--html", page, "--select", "99");
    refused(1, "no such folder", "--features", folder.resolve("no").toString(), "--html", page);
    refused(1, "features.json", "--features", folder.toString(), "--html", page);
    refused(1, "its folder does not exist", "--features", features, "--html", page + "/x.html");
    assertThat(Path.of(page)).doesNotExist();
  }

  @Test
  void aDamagedFolderIsOneLine() throws IOException {
    String features = features();
    Path contexts = Path.of(features, "contexts.arrow");
    Files.write(contexts, new byte[100]);
    refused(1, "contexts.arrow", "--features", features, "--no-open");
  }

  private String features() throws IOException {
    return SyntheticFeatures.write(folder.resolve("features"), 20).path().toString();
  }

  private void refused(int status, String message, String... arguments) {
    err.getBuffer().setLength(0);
    assertThat(run(arguments)).isEqualTo(status);
    assertThat(err.toString()).contains(message);
    assertThat(err.toString()).hasLineCount(1);
  }

  private int run(String... arguments) {
    String[] all = new String[arguments.length + 1];
    all[0] = "browse";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), all);
  }
}
