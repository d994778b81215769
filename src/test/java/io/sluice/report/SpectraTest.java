package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpectraTest {
  @TempDir private Path folder;
  private Path file;
  private String whole;

  @BeforeEach
  void write() throws IOException {
    file = SyntheticReport.spectrum(folder, 2, 1);
    whole = Files.readString(file);
  }

  @Test
  void readsWhatTheSpectrumCommandWrites() throws IOException {
    Spectra spectra = Spectra.read(file);
    assertThat(spectra.model()).isEqualTo("made-up-6x384");
    assertThat(spectra.tokens()).isEqualTo(122_880);
    assertThat(spectra.hooks()).hasSize(8);
    assertThat(spectra.outputProjections()).hasSize(2);
    Spectra.Hook hook = spectra.ofKind("attn_out").getLast();
    assertThat(hook.layer()).isEqualTo(1);
    assertThat(hook.eigenvalues()).hasSize(384).isSortedAccordingTo((a, b) -> Double.compare(b, a));
    assertThat(hook.dimensionShare()).isBetween(0.3, 0.7);
  }

  @Test
  void acceptsAFileWithoutOutputProjectionsOrUnknownParts() throws IOException {
    Files.writeString(
        file,
        "{\"format\":\"sluice.spectrum/1\",\"tau\":0.9,\"later\":{},\"tokens\":9,\"dModel\":2,\"layers\":1,\"hooks\":[{\"kind\":\"resid\",\"layer\":0,"
            + "\"width\":2,\"intrinsicDimension\":1,\"eigenvalues\":[3,-1e-9]}]}");
    Spectra spectra = Spectra.read(file);
    assertThat(spectra.outputProjections()).isEmpty();
    assertThat(new Report("t", spectra, java.util.List.of(), java.util.List.of()).html())
        .isNotEmpty();
  }

  @Test
  void missingFile() {
    rejects(folder.resolve("nowhere.json"), "no such file");
  }

  @Test
  void folderInPlaceOfAFile() {
    rejects(folder, "is not a file");
  }

  @Test
  void emptyFile() throws IOException {
    Files.writeString(file, "");
    rejects(file, "is empty");
  }

  @Test
  void truncatedFile() throws IOException {
    for (int cut : new int[] {1, 20, whole.length() / 2, whole.length() - 1}) {
      Files.writeString(file, whole.substring(0, cut));
      rejects(file, "");
    }
    Files.writeString(file, whole.substring(0, whole.lastIndexOf(',')));
    rejects(file, "it ends too early, in line 1");
  }

  @Test
  void otherKindsOfFiles() throws IOException {
    Files.write(file, new byte[] {0x50, 0x4b, 3, 4, 0, 0, (byte) 0xff, (byte) 0xfe});
    rejects(file, "it is not UTF-8");
    Files.writeString(file, "{\"format\":\"sluice.run/1\"}");
    rejects(file, "format is 'sluice.run/1', this version reads 'sluice.spectrum/1'");
    Files.writeString(file, "{}");
    rejects(file, "'format' is missing");
    Files.writeString(file, "[1,2]");
    rejects(file, "is not a JSON object");
    Files.writeString(file, "null");
    rejects(file, "is not a JSON object");
    Files.writeString(file, "{\"format\":\"a\\nb" + "x".repeat(5000) + "\"}");
    rejects(file, "format is 'a");
    Files.writeString(file, whole + "{}");
    rejects(file, "");
  }

  @Test
  void valuesOutOfRangeAreNamed() throws IOException {
    rejectsChanged("\"tau\":0.99", "\"tau\":1.5", "tau is 1.5");
    rejectsChanged("\"tau\":0.99,", "", "tau");
    rejectsChanged("\"tau\":0.99", "\"tau\":\"high\"", "tau");
    rejectsChanged("\"width\":384", "\"width\":100", "hooks[0].");
    rejectsChanged("\"width\":384", "\"width\":-1", "hooks[0].width is -1");
    rejectsChanged("\"layer\":0", "\"layer\":-3", "hooks[0].layer is -3");
    rejectsChanged("\"kind\":\"attn_out\"", "\"kind\":null", "hooks[0].kind is empty");
    rejectsChanged("\"eigenvalues\":[", "\"eigenvalues\":[\"NaN\",", "hooks[0].eigenvalues");
    rejectsChanged("\"heads\":12", "\"heads\":11", "outputProjections[0].headOverlap");
    rejectsChanged("\"hooks\":[", "\"hooks\":[null,", "'hooks[0]' is null");
    rejectsChanged(
        "\"singularValues\":[", "\"singularValues\":[],\"x\":[", "singularValues is empty");
  }

  private void rejectsChanged(String from, String to, String says) throws IOException {
    assertThat(whole).contains(from);
    int at = whole.indexOf(from);
    Files.writeString(file, whole.substring(0, at) + to + whole.substring(at + from.length()));
    rejects(file, says);
  }

  /** One line, which names the file and what to do. */
  private static void rejects(Path file, String says) {
    assertThatThrownBy(() -> Spectra.read(file))
        .isInstanceOf(IOException.class)
        .message()
        .startsWith(file.toString() + ": ")
        .contains(says)
        .contains("; write it again with 'sluice spectrum'")
        .doesNotContain("\n")
        .hasSizeLessThan(file.toString().length() + 300);
  }
}
