package io.sluice.cli.train;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.options.KindOptions;
import io.sluice.cli.stream.StreamedTraining;
import io.sluice.model.HookPatterns;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.start.SavedDictionary;
import io.sluice.training.stream.StreamPlan;
import io.sluice.training.stream.StreamRun;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** The dictionaries that {@code sluice train} trains while a model runs. */
public final class StreamedDictionaries implements StreamedTraining.Choice {
  private final SluiceCommand command;
  private final TrainingOptions options;
  private List<KindOptions.Choice> choices;
  private SavedDictionary saved;
  private UnaryOperator<String> names;

  /** Those that options ask for. */
  public StreamedDictionaries(SluiceCommand command, TrainingOptions options) {
    this.command = command;
    this.options = options;
  }

  @Override
  public List<String> hooks(LoadedModel model) throws IOException {
    saved = options.saved(command);
    names = name -> TransformerLensNames.translated(name, model.name());
    try {
      choices = options.choices(saved, names);
    } catch (IllegalArgumentException e) {
      throw command.usage(e.getMessage());
    }
    List<String> hooks =
        choices.stream().flatMap(choice -> choice.names().stream()).distinct().toList();
    for (String hook : hooks) {
      if (HookPatterns.isPattern(hook)) {
        throw command.usage(
            "'" + hook + "' stands for several hook points; give --hook once for each of them");
      }
    }
    return hooks;
  }

  @Override
  public StreamPlan.Rule rule() {
    return options.rule(command);
  }

  @Override
  public List<StreamRun> runs(LoadedModel model, StreamPlan plan) throws IOException {
    options.onePass(plan);
    List<StreamRun> runs = new ArrayList<>();
    try {
      for (KindOptions.Choice choice : choices) {
        TrainingConfig config =
            saved == null ? options.config(command, choice) : options.config(command, saved, names);
        String own = choices.size() == 1 ? "." : String.join("+", choice.names());
        String name = options.name(config);
        runs.add(new StreamRun(config, choices.size() == 1 ? name : name + ", " + own, own));
      }
    } catch (IllegalArgumentException e) {
      throw command.usage(e.getMessage());
    }
    return runs;
  }
}
