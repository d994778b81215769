package io.sluice;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.testing.Pages;
import java.io.IOException;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the pages name exists: links, headings, files, packages, classes and make targets. */
class DocumentationTest {
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#\\s]*)(#[^)\\s]*)?\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} +(.*)$");
  private static final Pattern FILE =
      Pattern.compile("(?:src|docs|bin|datasets|native|bindings|\\.ci)/[\\w./*-]+");
  private static final Pattern TYPE =
      Pattern.compile(
          "([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)(?:\\.([A-Za-z]\\w*))?(?:\\([\\w,. ]*\\))?");
  private static final Pattern PACKAGE =
      Pattern.compile("io(\\.sluice(?:\\.[a-z]\\w*)+)(\\.[A-Z]\\w*)?");

  /** What of other programs looks like a Java class. */
  private static final Set<String> FOREIGN =
      Set.of(
          "AutoEncoder",
          "AutoEncoderNew",
          "AutoEncoderTopK",
          "BatchTopKSAE",
          "GatedAutoEncoder",
          "HookedTransformer",
          "JumpReluAutoEncoder",
          "MatryoshkaBatchTopKSAE",
          "NodeCountInliningCutoff",
          "SAE",
          "SAETrainer",
          "SparseCoder",
          "StandardTrainer",
          "TopKTrainer");

  /** Buttons of the report. */
  private static final Set<String> LABELS = Set.of("Data");

  private static final List<String> JDK =
      List.of("java.lang.", "java.lang.foreign.", "java.io.", "java.util.");

  @Test
  void linksAndAnchorsResolve() throws IOException {
    for (Path page : Pages.all()) {
      for (MatchResult link : LINK.matcher(Pages.prose(page)).results().toList()) {
        if (link.group(1).startsWith("http")) {
          continue;
        }
        Path target =
            link.group(1).isEmpty() ? page : page.getParent().resolve(link.group(1)).normalize();
        assertThat(target).as(page + ": " + link.group()).exists();
        if (link.group(2) != null) {
          assertThat(anchors(target))
              .as(page + ": " + link.group())
              .contains(link.group(2).substring(1));
        }
      }
    }
  }

  /** The anchors of a page's headings, by GitHub's rule. */
  private static Set<String> anchors(Path page) {
    Set<String> anchors = new HashSet<>();
    HEADING
        .matcher(Pages.prose(page))
        .results()
        .map(
            heading ->
                heading
                    .group(1)
                    .strip()
                    .toLowerCase(Locale.ROOT)
                    .replaceAll("[^\\p{L}\\p{N} _-]", "")
                    .replace(' ', '-'))
        .forEach(
            slug -> {
              String anchor = slug;
              for (int i = 1; !anchors.add(anchor); i++) {
                anchor = slug + "-" + i;
              }
            });
    return anchors;
  }

  @Test
  void filesAndPackagesExist() throws IOException {
    for (Path page : Pages.all()) {
      for (String code : Pages.inlineCode(page)) {
        if (FILE.matcher(code).matches() && !code.contains("*")) {
          assertThat(Path.of(code)).as(page + ": " + code).exists();
        }
        Matcher name = PACKAGE.matcher(code);
        if (name.matches() && !name.group(1).startsWith(".sluice.bindings")) {
          assertThat(Path.of("src/main/java/io", name.group(1).split("\\.")))
              .as(page + ": " + code)
              .isDirectory();
        }
      }
    }
  }

  @Test
  void classesAndTheirMembersExist() throws Exception {
    Map<String, List<String>> sources = sources();
    List<String> missing = new ArrayList<>();
    for (Path page : Pages.all()) {
      for (String code : Pages.inlineCode(page)) {
        Matcher type = TYPE.matcher(code);
        if (!type.matches()
            || FOREIGN.contains(type.group(1))
            || LABELS.contains(code)
            || Files.exists(Path.of(code))) {
          continue;
        }
        List<Class<?>> found = classes(type.group(1), sources);
        String member = type.group(2);
        if (found.stream().noneMatch(each -> member == null || members(each).contains(member))) {
          missing.add(page.getFileName() + ": " + code);
        }
      }
    }
    assertThat(missing).as("classes and members that the pages name").isEmpty();
  }

  /** Names of the classes of main and test sources by their simple names. */
  private static Map<String, List<String>> sources() throws IOException {
    Map<String, List<String>> names = new HashMap<>();
    for (Path root : List.of(Path.of("src/main/java"), Path.of("src/test/java"))) {
      try (Stream<Path> files = Files.walk(root)) {
        files
            .map(file -> root.relativize(file).toString())
            .filter(file -> file.endsWith(".java"))
            .map(file -> file.substring(0, file.length() - 5).replace('/', '.'))
            .forEach(
                name ->
                    names
                        .computeIfAbsent(
                            name.substring(name.lastIndexOf('.') + 1), key -> new ArrayList<>())
                        .add(name));
      }
    }
    return names;
  }

  private static List<Class<?>> classes(String simpleName, Map<String, List<String>> sources)
      throws ClassNotFoundException {
    List<Class<?>> found = new ArrayList<>();
    for (String name : sources.getOrDefault(simpleName, List.of())) {
      found.add(load(name));
    }
    for (String at : JDK) {
      try {
        found.add(load(at + simpleName));
      } catch (ClassNotFoundException e) {
        // It is not of this package.
      }
    }
    return found;
  }

  private static Class<?> load(String name) throws ClassNotFoundException {
    return Class.forName(name, false, DocumentationTest.class.getClassLoader());
  }

  private static Set<String> members(Class<?> type) {
    Set<String> names = new HashSet<>();
    for (Class<?> each = type; each != null; each = each.getSuperclass()) {
      Stream.of(each.getDeclaredMethods()).map(Executable::getName).forEach(names::add);
      Stream.of(each.getDeclaredFields()).map(Field::getName).forEach(names::add);
      Stream.of(each.getDeclaredClasses()).map(Class::getSimpleName).forEach(names::add);
    }
    return names;
  }

  @Test
  void makeTargetsExist() throws IOException {
    String makefile = Files.readString(Path.of("Makefile"));
    for (Path page : Pages.all()) {
      List<String> code = new ArrayList<>(Pages.inlineCode(page));
      code.addAll(Pages.blocks(page));
      for (String each : code) {
        for (String call : Pages.calls(each, "make")) {
          String target = call.split("[ &|]")[0];
          assertThat(makefile).as(page + ": make " + call).contains("\n" + target + ":");
        }
      }
    }
  }
}
