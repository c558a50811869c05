const root = document.documentElement;
const style = name => getComputedStyle(root).getPropertyValue(name).trim();
const every = (selector, within = document) => [...within.querySelectorAll(selector)];
