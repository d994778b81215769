package io.sluice.browse;

import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureManifest;
import io.sluice.features.compare.MatchFile;
import java.io.IOException;
import java.util.List;

/** What is browsed: the features of one dictionary, or of two with the matches between them. */
public final class BrowsedFeatures {
  private final List<FeatureFolder> folders;
  private final MatchFile matches; // Null with one folder.
  private final int[] sides; // Which side of the matches each folder is.

  private BrowsedFeatures(List<FeatureFolder> folders, MatchFile matches, int[] sides) {
    this.folders = folders;
    this.matches = matches;
    this.sides = sides;
  }

  /** The features of one dictionary. */
  public static BrowsedFeatures of(FeatureFolder folder) {
    return new BrowsedFeatures(List.of(folder), null, new int[1]);
  }

  /**
   * The features of two dictionaries.
   *
   * @param matches of these dictionaries, in either order
   * @throws IOException if the matches are of other dictionaries
   */
  public static BrowsedFeatures of(FeatureFolder first, FeatureFolder second, MatchFile matches)
      throws IOException {
    int of = isSide(first, matches, 0) && isSide(second, matches, 1) ? 0 : 1;
    requireSide(first, matches, of);
    requireSide(second, matches, 1 - of);
    return new BrowsedFeatures(List.of(first, second), matches, new int[] {of, 1 - of});
  }

  private static boolean isSide(FeatureFolder folder, MatchFile matches, int side) {
    FeatureManifest.Source own = folder.manifest().dictionary();
    MatchFile.Side compared = matches.side(side);
    return own.sha256().equals(compared.sha256()) && own.features() == compared.features();
  }

  private static void requireSide(FeatureFolder folder, MatchFile matches, int side)
      throws IOException {
    if (!isSide(folder, matches, side)) {
      throw new IOException(
          "%s: is of %s and %s, but %s has features of other weights (%s); compare the dictionaries that both folders are of"
              .formatted(
                  matches.file(),
                  matches.side(0).path(),
                  matches.side(1).path(),
                  folder.path(),
                  folder.manifest().dictionary().path()));
    }
  }

  /** The folders, one or two. */
  List<FeatureFolder> folders() {
    return folders;
  }

  /** The features of the other dictionary that are most like a feature; none without matches. */
  List<MatchFile.Match> matches(int which, int feature) {
    return matches == null ? List.of() : matches.of(sides[which], feature);
  }

  /** The names of the dictionaries: the last part of their paths where these differ. */
  List<String> names() {
    List<String> paths = folders.stream().map(f -> f.manifest().dictionary().path()).toList();
    List<String> last = paths.stream().map(BrowsedFeatures::lastName).toList();
    return last.stream().distinct().count() == last.size() ? last : paths;
  }

  /** The last part of a path. */
  static String lastName(String path) {
    String trimmed = path.replaceAll("[/\\\\]+$", "");
    String name = trimmed.replaceAll("(?s)^.*[/\\\\]", "");
    return name.isEmpty() ? path : name;
  }
}
