package io.sluice.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The Markdown pages of the project and the code that they show. */
public final class Pages {
  private static final Pattern FENCED = Pattern.compile("(?ms)^ *```[a-z]*\n(.*?)^ *```");
  private static final Pattern INDENTED = Pattern.compile("(?m)^\n((?: {4}\\S.*\n| {8,}\\S.*\n)+)");
  private static final Pattern INLINE = Pattern.compile("(?<!`)`([^`\n]+)`(?!`)");

  private Pages() {}

  /** README.md, the other pages of the root, and those under docs/ and datasets/. */
  public static List<Path> all() throws IOException {
    List<Path> pages = new ArrayList<>();
    for (String folder : List.of("", "docs", "datasets")) {
      try (Stream<Path> files = Files.list(Path.of("").toAbsolutePath().resolve(folder))) {
        files.filter(file -> file.toString().endsWith(".md")).sorted().forEach(pages::add);
      }
    }
    return pages;
  }

  /** The code blocks of a page, with fences or indented. */
  public static List<String> blocks(Path page) {
    String text = text(page);
    List<String> blocks = new ArrayList<>();
    FENCED.matcher(text).results().forEach(match -> blocks.add(match.group(1)));
    INDENTED
        .matcher(FENCED.matcher(text).replaceAll(""))
        .results()
        .forEach(match -> blocks.add(match.group(1)));
    return blocks;
  }

  /** The code between single backticks in the prose of a page. */
  public static List<String> inlineCode(Path page) {
    return INLINE.matcher(prose(page)).results().map(match -> match.group(1)).toList();
  }

  /** A page without its fenced code blocks. */
  public static String prose(Path page) {
    return FENCED.matcher(text(page)).replaceAll("");
  }

  /** The commands of a code block that call a program, continuation lines joined. */
  public static List<String> calls(String block, String program) {
    Pattern call = Pattern.compile("(?:^|\\s)(?:\\S*/)?" + Pattern.quote(program) + "(?= |$)(.*)");
    return block
        .replaceAll("\\\\\n\\s*", " ")
        .lines()
        .map(call::matcher)
        .filter(Matcher::find)
        .map(match -> match.group(1).strip())
        .toList();
  }

  /** The text of a page; of the changes those to come, since a release stays as it was. */
  private static String text(Path page) {
    try {
      String text = Files.readString(page);
      return page.endsWith("CHANGELOG.md") ? text.split("(?m)^## (?!Unreleased)")[0] : text;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
