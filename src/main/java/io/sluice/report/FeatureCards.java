package io.sluice.report;

import io.sluice.features.Feature;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureReader;
import io.sluice.features.FeatureTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A dozen features of a dictionary: those at equal steps among all that fire, from the most to the
 * least frequent.
 *
 * @param dictionary where the dictionary is, as its features say it
 * @param folder where the features are, as the command was given it
 * @param page the page of {@code sluice browse --html} to link to; null for none
 * @param features how many the dictionary has
 * @param dead how many of them are dead
 * @param cards the dozen; fewer if fewer fire
 */
public record FeatureCards(
    String dictionary, String folder, String page, int features, int dead, List<Card> cards) {
  private static final int DOZEN = 12;
  private static final int BEFORE = 10;
  private static final int AFTER = 5;

  /**
   * A feature with its strongest context.
   *
   * @param feature its number
   * @param density share of tokens on which it fires
   * @param max its largest activation
   * @param at the place in {@code words} of the token on which it fires
   * @param words tokens around it
   * @param fires activation at each of them
   */
  public record Card(
      int feature, float density, float max, int at, List<String> words, List<Float> fires) {}

  /** Copies the list. */
  public FeatureCards {
    cards = List.copyOf(cards);
  }

  /**
   * Reads the cards of a folder of {@code sluice features}.
   *
   * @param page the page to link to; null for none
   * @throws IOException if the folder is missing or damaged; one line that names the file
   */
  public static FeatureCards read(Path path, String page) throws IOException {
    FeatureFolder folder = FeatureFolder.open(path);
    FeatureTable table = folder.features();
    List<Integer> firing =
        IntStream.range(0, table.features())
            .filter(
                feature -> folder.contexts().first(feature + 1) > folder.contexts().first(feature))
            .boxed()
            .sorted(Comparator.comparing((Integer feature) -> -table.density(feature)))
            .toList();
    int shown = Math.min(DOZEN, firing.size());
    FeatureReader reader = new FeatureReader(folder);
    List<Card> cards = new ArrayList<>();
    for (int i = 0; i < shown; i++) {
      Feature feature =
          reader.read(firing.get((int) ((2L * i + 1) * firing.size() / (2L * shown))));
      if (!feature.top().isEmpty()) {
        cards.add(card(feature));
      }
    }
    int dead = (int) IntStream.range(0, table.features()).filter(table::dead).count();
    return new FeatureCards(
        folder.manifest().dictionary().path(),
        path.toString(),
        page,
        table.features(),
        dead,
        cards);
  }

  private static Card card(Feature feature) {
    Feature.Context context = feature.top().getFirst();
    int peak = context.position() - context.first();
    int from = Math.max(0, peak - BEFORE);
    int to = Math.min(context.tokens().size(), peak + AFTER + 1);
    List<Feature.Token> tokens = context.tokens().subList(from, to);
    return new Card(
        feature.feature(),
        feature.density(),
        feature.max(),
        peak - from,
        tokens.stream().map(Feature.Token::text).toList(),
        tokens.stream().map(Feature.Token::activation).toList());
  }
}
