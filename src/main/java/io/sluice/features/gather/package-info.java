/**
 * The pass that fills a folder of features from a dictionary and a store: densities, histograms,
 * contexts, geometry of the rows, similar features. {@code FeatureGathering} is the entry. Classes
 * here read the store and run an engine, and need no model; the folder itself is described and read
 * in {@code io.sluice.features}.
 */
package io.sluice.features.gather;
