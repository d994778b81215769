/**
 * Training while a model runs, as {@code sluice train --model} has it: its options, and what it
 * prints meanwhile. What is trained, and how, is in {@code io.sluice.training.stream}.
 */
package io.sluice.cli.stream;
