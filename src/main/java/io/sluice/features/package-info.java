/**
 * The features of a dictionary on a store as data: the folder of Arrow files with a manifest that
 * {@code sluice features} writes ({@code FeatureFolder} opens it, {@code FeatureFolderWriter}
 * writes it, and a class for each file reads it), and one feature of it as it is shown. What fills
 * the files belongs into packages below: {@code gather} makes the pass over a store, {@code
 * effects} runs the model, {@code compare} matches features of several dictionaries. Nothing here
 * needs a model, and nothing prints.
 */
package io.sluice.features;
