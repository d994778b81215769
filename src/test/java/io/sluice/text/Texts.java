package io.sluice.text;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Reads whole documents. */
final class Texts {
  private Texts() {}

  static List<String> read(TextReader reader) throws IOException {
    List<String> texts = new ArrayList<>();
    while (reader.nextDocument()) {
      StringBuilder text = new StringBuilder();
      for (String piece = reader.nextPiece(); piece != null; piece = reader.nextPiece()) {
        text.append(piece);
      }
      texts.add(text.toString());
    }
    return texts;
  }
}
