package io.sluice.features;

import io.sluice.files.OutputFolder;
import io.sluice.store.DocumentTable;
import io.sluice.store.TokenTable;
import io.sluice.store.tables.ColumnBuffer;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableFile;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a folder of features: all files, then the manifest; the folder appears when it is whole.
 * Not safe for use by several threads at a time.
 */
public final class FeatureFolderWriter {
  private final Path folder;
  private final Map<String, TableFile> files = new LinkedHashMap<>();

  private FeatureFolderWriter(Path folder) {
    this.folder = folder;
  }

  /** Writes the files. */
  public interface Content {
    /**
     * Writes all files but the manifest.
     *
     * @return the manifest; its files are ignored, and those that were written take their place
     */
    FeatureManifest writeTo(FeatureFolderWriter folder) throws IOException;
  }

  /**
   * Writes a folder.
   *
   * @param path where; it does not exist, is empty, or has none of the files
   * @throws IOException if writing fails, or {@code content} does; the folder is then as before
   */
  public static void write(Path path, Content content) throws IOException {
    OutputFolder.write(
        path,
        FeatureManifest.FILE_NAME,
        fresh -> {
          FeatureFolderWriter writer = new FeatureFolderWriter(fresh);
          FeatureManifest manifest = content.writeTo(writer);
          ManifestJson.write(manifest.with(writer.files), fresh);
        });
  }

  /** Where the files are until the folder is whole; those that are written can be read there. */
  public Path folder() {
    return folder;
  }

  /**
   * Writes a file of the folder.
   *
   * @param name its name, which ends in {@code .arrow}
   */
  public void table(
      String name, List<TableColumn> columns, int rowsPerBatch, TableWriter.Content rows)
      throws IOException {
    files.put(name, TableWriter.write(folder.resolve(name), columns, rowsPerBatch, rows));
  }

  /** Writes {@code tokens.arrow}. */
  public void tokens(TokenTable tokens) throws IOException {
    files.put(TokenTable.FILE_NAME, tokens.write(folder.resolve(TokenTable.FILE_NAME)));
  }

  /** Writes {@code documents.arrow}. */
  public void documents(DocumentTable documents) throws IOException {
    files.put(DocumentTable.FILE_NAME, documents.write(folder.resolve(DocumentTable.FILE_NAME)));
  }

  /**
   * Begins {@code features.arrow}: the caller puts all columns of each feature, in order, ends each
   * row, and passes the table to {@link #finishFeatures}.
   */
  public TableWriter openFeatures(FeatureManifest.Source dictionary, int bins) throws IOException {
    return TableWriter.open(
        folder.resolve(FeatureTable.FILE_NAME),
        FeatureTable.columns(dictionary, bins),
        FeatureTable.ROWS_PER_BATCH);
  }

  /** Ends {@code features.arrow}. */
  public void finishFeatures(TableWriter table) throws IOException {
    files.put(FeatureTable.FILE_NAME, table.finish());
  }

  /**
   * Begins {@code contexts.arrow}: the caller puts all contexts in order and passes the writer to
   * {@link #finishContexts}.
   */
  public ContextWriter openContexts(int features) throws IOException {
    return new ContextWriter(
        TableWriter.open(
            folder.resolve(FeatureContexts.FILE_NAME),
            FeatureContexts.COLUMNS,
            FeatureContexts.ROWS_PER_BATCH),
        features);
  }

  /** Ends {@code contexts.arrow} and writes {@code contexts_index.arrow}. */
  public void finishContexts(ContextWriter contexts) throws IOException {
    files.put(FeatureContexts.FILE_NAME, contexts.finish());
    table(
        FeatureContexts.INDEX_NAME,
        FeatureContexts.INDEX_COLUMNS,
        FeatureContexts.ROWS_PER_BATCH,
        table -> {
          ColumnBuffer column = table.column("first");
          for (long at : contexts.starts()) {
            column.put(at);
            table.endRow();
          }
        });
  }

  /** The numbers of the next feature. */
  public interface Row {
    /** Puts every column but {@code feature} for a feature. */
    void put(int feature, TableWriter row);
  }

  /** Writes {@code features.arrow}. */
  public void features(FeatureManifest.Source dictionary, int bins, Row each) throws IOException {
    try (TableWriter table = openFeatures(dictionary, bins)) {
      ColumnBuffer number = table.column("feature");
      for (int feature = 0; feature < dictionary.features(); feature++) {
        number.put(feature);
        each.put(feature, table);
        table.endRow();
      }
      finishFeatures(table);
    }
  }

  /** Gives the contexts of all features in their order. */
  public interface AllContexts {
    /** Puts the contexts of each feature, in the order of features, kinds and ranks. */
    void forEach(ContextWriter to) throws IOException;
  }

  /** Writes {@code contexts.arrow} and {@code contexts_index.arrow}. */
  public void contexts(int features, AllContexts all) throws IOException {
    try (ContextWriter contexts = openContexts(features)) {
      all.forEach(contexts);
      finishContexts(contexts);
    }
  }
}
