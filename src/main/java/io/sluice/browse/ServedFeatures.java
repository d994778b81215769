package io.sluice.browse;

import io.sluice.features.FeatureFolder;
import io.sluice.page.HtmlPage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/**
 * What a server answers of one dictionary: columns of the list, texts of tokens, searches, and
 * features one by one. Safe for use by several threads.
 */
final class ServedFeatures {
  private static final int REHEARSED = 300;

  private final FeatureFolder folder;
  private final FeatureDetail detail;
  private final FeatureColumns list;
  private final CompletableFuture<PeakIndex> peaks;
  private final CompletableFuture<byte[]> columns;

  /** Begins to read the strongest contexts. */
  ServedFeatures(BrowsedFeatures browsed, int which, Executor threads) throws IOException {
    folder = browsed.folders().get(which);
    detail = new FeatureDetail(browsed, which);
    list = FeatureColumns.of(folder);
    peaks = CompletableFuture.supplyAsync(() -> PeakIndex.of(folder), threads);
    columns = peaks.thenApply(list::binary);
    columns.thenRunAsync(this::rehearse, threads);
  }

  /** Answers for nobody until the JIT has compiled what answers: the first would be slow. */
  private void rehearse() {
    int features = features();
    for (int i = 0; i < REHEARSED && !Thread.currentThread().isInterrupted(); i++) {
      try {
        feature((int) ((long) i * features / REHEARSED));
      } catch (UncheckedIOException e) {
        return; // Who asks for the feature is told.
      }
    }
  }

  int features() {
    return folder.features().features();
  }

  FeatureColumns list() {
    return list;
  }

  /** The columns of the list for the page's typed arrays. */
  byte[] columns() {
    return columns.join();
  }

  /** The texts of all tokens, as JSON. */
  byte[] tokens() {
    String[] texts = new String[folder.tokens().size()];
    for (int id = 0; id < texts.length; id++) {
      texts[id] = folder.tokens().text(id);
    }
    return HtmlPage.json(texts).getBytes(StandardCharsets.UTF_8);
  }

  /** A bit for each feature that fires on a text. */
  byte[] find(String text) {
    return peaks.join().find(text);
  }

  /** A feature, as JSON. */
  byte[] feature(int number) {
    return HtmlPage.json(detail.of(number)).getBytes(StandardCharsets.UTF_8);
  }
}
