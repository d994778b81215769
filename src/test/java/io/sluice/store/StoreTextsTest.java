package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts of tokens and names of documents beside the activations. */
class StoreTextsTest {
  private static final List<String> TOKENS = List.of(" the", " whale", "s", "<0xE2>", "\n");

  @TempDir Path folder;

  private void write(StoreSpec spec, long rows) throws IOException {
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.tokens(TokenTable.of(TOKENS));
      for (int document = 0; document * 5L < rows; document++) {
        writer.document("chapter " + document, document * 5L);
      }
      StoreSamples.append(writer, spec, (int) rows);
      writer.finish();
    }
  }

  @Test
  void readsTokensAndDocuments() throws IOException {
    write(StoreSamples.spec(), 23);
    ActivationStore store = ActivationStore.open(folder);
    store.verify();
    TokenTable tokens = store.tokens().orElseThrow();
    assertThat(tokens.size()).isEqualTo(TOKENS.size());
    for (int id = 0; id < TOKENS.size(); id++) {
      assertThat(tokens.text(id)).isEqualTo(TOKENS.get(id));
    }
    assertThat(tokens.text(77)).isEqualTo("<77>");
    DocumentTable documents = store.documents().orElseThrow();
    assertThat(documents.count()).isEqualTo(5);
    for (long row = 0; row < store.rows(); row++) {
      assertThat(documents.of(row)).isEqualTo(StoreSamples.documentId(row));
    }
    assertThat(documents.name(4)).isEqualTo("chapter 4");
    assertThat(documents.firstRow(4)).isEqualTo(20);
  }

  @Test
  void aStoreWithoutThemOpens() throws IOException {
    StoreSamples.write(folder, 10);
    ActivationStore store = ActivationStore.open(folder);
    store.verify();
    assertThat(store.tokens()).isEmpty();
    assertThat(store.documents()).isEmpty();
  }

  /** A killed capture has the texts of tokens, but not the names of documents. */
  @Test
  void anUnfinishedStoreHasItsTokens() throws IOException {
    StoreSpec spec = StoreSamples.spec();
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.tokens(TokenTable.of(TOKENS));
      writer.document("chapter 0", 0);
      StoreSamples.append(writer, spec, 16);
    }
    ActivationStore store = ActivationStore.open(folder);
    assertThat(store.rows()).isEqualTo(14);
    assertThat(store.tokens()).isPresent();
    assertThat(store.documents()).isEmpty();
    assertThat(folder.resolve(".documents.ipc")).doesNotExist();
    // Another store may take its place.
    write(spec.replacing(), 6);
    assertThat(ActivationStore.open(folder).documents()).isPresent();
    try (StoreWriter writer = StoreWriter.create(folder, spec.replacing())) {
      writer.finish();
    }
    assertThat(folder.resolve(".tokens.ipc")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {".tokens.ipc", ".documents.ipc"})
  void damageIsNamed(String name) throws IOException {
    write(StoreSamples.spec(), 12);
    Path file = folder.resolve(name);
    byte[] whole = Files.readAllBytes(file);
    byte[] flipped = whole.clone();
    flipped[whole.length - 5] ^= 1; // The magic at the end.
    Files.write(file, flipped);
    assertThatThrownBy(() -> ActivationStore.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessage(file + ": damaged: its end is missing; restore it or capture again");
    Files.write(file, Arrays.copyOf(whole, whole.length / 2));
    assertThatThrownBy(() -> ActivationStore.open(folder))
        .hasMessageStartingWith(file + ": is " + whole.length / 2 + " bytes long, the manifest");
    Files.delete(file);
    assertThatThrownBy(() -> ActivationStore.open(folder))
        .hasMessageStartingWith(file + ": missing, though the manifest lists it");
  }

  @Test
  void aChangedTextIsFoundByItsChecksum() throws IOException {
    write(StoreSamples.spec(), 12);
    Path file = folder.resolve(".tokens.ipc");
    byte[] bytes = Files.readAllBytes(file);
    String text = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1);
    bytes[text.indexOf("whale")] = 'W';
    Files.write(file, bytes);
    ActivationStore store = ActivationStore.open(folder);
    assertThat(store.tokens().orElseThrow().text(1)).isEqualTo(" Whale");
    assertThatThrownBy(store::verify)
        .hasMessageStartingWith(file + ": its SHA-256 is ")
        .hasMessageEndingWith("restore it or capture again");
  }

  @Test
  void documentsComeInTheOrderOfTheirRows() {
    assertThatThrownBy(
            () ->
                DocumentTable.of(
                    List.of(
                        new DocumentTable.Document("a", 5), new DocumentTable.Document("b", 4))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("document 1 begins at row 4, and the one before it at 5");
  }

  @Test
  void tablesAreListedInTheManifest() throws IOException {
    write(StoreSamples.spec(), 12);
    TableFile tokens = ActivationStore.open(folder).manifest().tables().get(".tokens.ipc");
    assertThat(tokens.rows()).isEqualTo(TOKENS.size());
    assertThat(tokens.bytes()).isEqualTo(Files.size(folder.resolve(".tokens.ipc")));
  }
}
