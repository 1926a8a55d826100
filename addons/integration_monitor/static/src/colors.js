/** Returns the colours of letters and lines where an element is: a dark page has light letters and dark lines. */
export function pageColors(element) {
    const style = getComputedStyle(element);
    const variable = (name) => style.getPropertyValue(name).trim();
    return { text: variable("--body-color") || style.color, grid: variable("--border-color") || style.color };
}
