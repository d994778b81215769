/**
 * Features in the formats of other tools: SAEDashboard's batches and Neuronpedia's import folder.
 * One class for each format; they write only what a folder of features holds, and leave other
 * fields empty.
 */
package io.sluice.features.export;
