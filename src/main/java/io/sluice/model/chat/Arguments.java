package io.sluice.model.chat;

import java.util.List;
import java.util.Map;

/**
 * The arguments of a call.
 *
 * @param places those without a name
 * @param named the others
 */
record Arguments(List<Object> places, Map<String, Object> named) {
  /** How many have no name. */
  int size() {
    return places.size();
  }

  /** One without a name. */
  Object get(int index) {
    return places.get(index);
  }

  /** Requires a number of arguments without a name, and none with one. */
  void require(String of, int least, int most) throws TemplateException {
    if (!named.isEmpty()) {
      throw TemplateException.unsupported(
          of + " with the argument " + named.keySet().iterator().next());
    }
    if (size() < least || size() > most) {
      throw TemplateException.unsupported(of + " with " + size() + " arguments");
    }
  }

  /** An argument that is text. */
  String text(String of, int index) throws TemplateException {
    if (places.get(index) instanceof String text) {
      return text;
    }
    throw TemplateException.unsupported(of + " with " + Python.kind(places.get(index)));
  }

  /** The one argument, which is text; null if there is none. */
  String optionalText(String of) throws TemplateException {
    require(of, 0, 1);
    return size() == 0 || places.get(0) == Python.NONE ? null : text(of, 0);
  }

  /** An argument that is an integer. */
  long integer(String of, int index) throws TemplateException {
    if (places.get(index) instanceof Long number) {
      return number;
    }
    throw TemplateException.unsupported(of + " with " + Python.kind(places.get(index)));
  }
}
