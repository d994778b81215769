package io.sluice.text;

import java.util.Arrays;
import java.util.stream.Collectors;

/** What the records of texts hold. */
public enum TextForm {
  /** Text, which the model's tokenizer splits into tokens. */
  TEXT("text", "text"),

  /** The ids of tokens, which are used as they are. */
  TOKEN_IDS("token-ids", "input_ids"),

  /** The messages of a conversation, of which the model's chat template makes text. */
  CHAT("chat", "messages");

  private final String label;
  private final String field;

  TextForm(String label, String field) {
    this.label = label;
    this.field = field;
  }

  /** The name that {@link #ofLabel} takes. */
  public String label() {
    return label;
  }

  /** The field or column that most data sets have it in. */
  public String usualField() {
    return field;
  }

  /**
   * The form of a name.
   *
   * @throws IllegalArgumentException if there is none; the message has all names
   */
  public static TextForm ofLabel(String label) {
    for (TextForm form : values()) {
      if (form.label.equals(label)) {
        return form;
      }
    }
    throw new IllegalArgumentException("'" + label + "' is none of " + labels());
  }

  /** All names, for messages. */
  public static String labels() {
    return Arrays.stream(values()).map(TextForm::label).collect(Collectors.joining(", "));
  }
}
