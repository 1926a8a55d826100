/** Checks that a chart is drawn in the page's own colours; returns it. */
export function checkColors(canvas, axis) {
    const chart = window.Chart.getChart(canvas);
    const variable = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
    const { x, [axis]: other } = chart.options.scales;
    const used = [x.ticks.color, other.ticks.color, other.grid.color, chart.options.plugins.legend.labels.color];
    const [text, grid] = [variable("--body-color"), variable("--border-color")];
    const wanted = [text, text, grid, text];
    if (!text || !grid || used.join() !== wanted.join()) {
        throw new Error(`drawn in ${used.join()} where the page has ${wanted.join()}`);
    }
    return chart;
}
