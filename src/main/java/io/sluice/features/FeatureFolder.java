package io.sluice.features;

import io.sluice.files.Quoted;
import io.sluice.store.DocumentTable;
import io.sluice.store.TokenTable;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A folder of features, open for reading. Files are mapped and must not change meanwhile. Safe for
 * use by several threads.
 */
public final class FeatureFolder {
  private final Path path;
  private final FeatureManifest manifest;
  private final FeatureTable features;
  private final FeatureContexts contexts;
  private final TokenTable tokens;
  private final DocumentTable documents;

  private FeatureFolder(Path path, FeatureManifest manifest) throws IOException {
    this.path = path;
    this.manifest = manifest;
    features = FeatureTable.open(path, manifest);
    contexts = FeatureContexts.open(path, features.features());
    tokens = TokenTable.read(path.resolve(TokenTable.FILE_NAME), ManifestJson.REMEDY);
    documents = DocumentTable.read(path.resolve(DocumentTable.FILE_NAME), ManifestJson.REMEDY);
  }

  /**
   * Opens a folder. The lengths of its files are compared with the manifest; {@link #verify}
   * compares their contents.
   *
   * @throws IOException if it holds no features, or a file is missing, damaged or of another
   *     length; one line that names it
   */
  public static FeatureFolder open(Path path) throws IOException {
    if (!Files.isDirectory(path) || !Files.exists(path.resolve(FeatureManifest.FILE_NAME))) {
      throw new IOException(
          path
              + (Files.isDirectory(path)
                  ? ": has no " + FeatureManifest.FILE_NAME
                  : ": no such folder")
              + "; name the folder that 'sluice features --out' wrote");
    }
    FeatureManifest manifest = ManifestJson.read(path);
    for (Map.Entry<String, TableFile> entry : manifest.files().entrySet()) {
      Path file = path.resolve(requirePlain(path, entry.getKey()));
      long bytes = Files.exists(file) ? Files.size(file) : -1;
      if (bytes != entry.getValue().bytes()) {
        throw new IOException(
            "%s: %s, the manifest says %d bytes; %s"
                .formatted(
                    file,
                    bytes < 0 ? "is missing" : "is " + bytes + " bytes long",
                    entry.getValue().bytes(),
                    ManifestJson.REMEDY));
      }
    }
    return new FeatureFolder(path, manifest);
  }

  /** A name that does not lead out of the folder. */
  private static String requirePlain(Path path, String name) throws IOException {
    if (!name.matches("[a-z_]{1,40}\\.arrow")) {
      throw new IOException(
          "%s: lists a file %s; %s"
              .formatted(
                  path.resolve(FeatureManifest.FILE_NAME), Quoted.of(name), ManifestJson.REMEDY));
    }
    return name;
  }

  /**
   * Reads every file once and compares it with its checksum.
   *
   * @throws IOException if a byte differs; the message names the file
   */
  public void verify() throws IOException {
    for (Map.Entry<String, TableFile> entry : manifest.files().entrySet()) {
      entry.getValue().verify(path.resolve(entry.getKey()), ManifestJson.REMEDY);
    }
  }

  /** The folder. */
  public Path path() {
    return path;
  }

  /** The manifest. */
  public FeatureManifest manifest() {
    return manifest;
  }

  /** The numbers of each feature. */
  public FeatureTable features() {
    return features;
  }

  /** The contexts of each feature. */
  public FeatureContexts contexts() {
    return contexts;
  }

  /** The texts of tokens. */
  public TokenTable tokens() {
    return tokens;
  }

  /** The documents of the store. */
  public DocumentTable documents() {
    return documents;
  }

  /** Whether the manifest lists a file. */
  public boolean has(String file) {
    return manifest.files().containsKey(file);
  }

  /**
   * Opens a further file of the folder.
   *
   * @throws IOException if it is missing, damaged or has other columns
   */
  Table table(String file, List<TableColumn> columns) throws IOException {
    return Table.open(path.resolve(file), columns, ManifestJson.REMEDY);
  }

  /**
   * Checks that a table has a row for each feature.
   *
   * @throws IOException if it has not
   */
  void requireRowPerFeature(Table table) throws IOException {
    if (table.rows() != features.features()) {
      throw new IOException(
          "%s: has %d rows, and there are %d features; %s"
              .formatted(table.file(), table.rows(), features.features(), ManifestJson.REMEDY));
    }
  }
}
