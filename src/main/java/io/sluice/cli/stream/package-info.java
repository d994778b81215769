/**
 * Training while a model runs, as {@code sluice train --model} and {@code sluice sweep --model}
 * have it: its options, and what is printed meanwhile. What is trained, and how, is in {@code
 * io.sluice.training.stream}.
 */
package io.sluice.cli.stream;
