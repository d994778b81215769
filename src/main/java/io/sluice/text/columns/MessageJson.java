package io.sluice.text.columns;

import io.sluice.memory.ScratchArrays;
import java.nio.charset.StandardCharsets;

/** Writes the messages of a conversation in JSON, as the bytes of texts come from a file. */
public final class MessageJson {
  private static final String DIGITS = "0123456789abcdef";

  private byte[] bytes = new byte[256];
  private int length;
  private boolean hasMessages;
  private boolean hasFields;

  /** Begins a conversation. */
  public void begin() {
    length = 0;
    hasMessages = false;
    add('[');
  }

  /** Begins a message. */
  public void message() {
    if (hasMessages) {
      add('}');
      add(',');
    }
    hasMessages = true;
    hasFields = false;
    add('{');
  }

  /**
   * Adds a field to the message.
   *
   * @param name its name
   * @param text holds its value in UTF-8, which is not checked
   * @param from where the value begins
   * @param to where it ends
   */
  public void field(String name, byte[] text, int from, int to) {
    if (hasFields) {
      add(',');
    }
    hasFields = true;
    byte[] key = name.getBytes(StandardCharsets.UTF_8);
    string(key, 0, key.length);
    add(':');
    string(text, from, to);
  }

  /** Ends the conversation. */
  public void end() {
    if (hasMessages) {
      add('}');
    }
    add(']');
  }

  /** The conversation, up to {@link #length}. */
  public byte[] bytes() {
    return bytes;
  }

  /** Bytes of the conversation so far. */
  public int length() {
    return length;
  }

  private void string(byte[] text, int from, int to) {
    add('"');
    for (int i = from; i < to; i++) {
      byte c = text[i];
      if (c == '"' || c == '\\') {
        add('\\');
        add(c);
      } else if (c >= 0 && c < ' ') {
        for (char escape : new char[] {'\\', 'u', '0', '0'}) {
          add(escape);
        }
        add(DIGITS.charAt(c >> 4));
        add(DIGITS.charAt(c & 15));
      } else {
        add(c);
      }
    }
    add('"');
  }

  private void add(int c) {
    bytes = ScratchArrays.extended(bytes, length + 1);
    bytes[length++] = (byte) c;
  }
}
