package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Methods of Python's dictionaries. */
final class Dictionaries {
  /** All of them, which a key with such a name does not hide. */
  static final Set<String> METHODS =
      Set.of(
          "clear",
          "copy",
          "fromkeys",
          "get",
          "items",
          "keys",
          "pop",
          "popitem",
          "setdefault",
          "update",
          "values");

  private Dictionaries() {}

  /**
   * Calls a method.
   *
   * @throws TemplateException if it is not supported
   */
  static Object call(Map<?, ?> map, String method, Arguments arguments) throws TemplateException {
    String name = "the method " + method + " of dictionaries";
    switch (method) {
      case "get" -> {
        arguments.require(name, 1, 2);
        Object otherwise = arguments.size() == 2 ? arguments.get(1) : Python.NONE;
        String key = arguments.text(name, 0);
        return map.containsKey(key) ? map.get(key) : otherwise;
      }
      case "keys", "values", "items" -> {
        arguments.require(name, 0, 0);
        List<Object> all = new ArrayList<>();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          all.add(
              switch (method) {
                case "keys" -> entry.getKey();
                case "values" -> entry.getValue();
                default -> List.of(entry.getKey(), entry.getValue());
              });
        }
        return all;
      }
      default -> throw TemplateException.unsupported(name);
    }
  }
}
