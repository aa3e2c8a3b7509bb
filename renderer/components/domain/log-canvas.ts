import { jsonLine, type LogLine, type LogLines, levelOf, plainText, styledText } from '../../model/index.ts';

const lineHeight = 20;
/** Browsers lay out no taller elements; beyond it, scrolling is scaled. */
const tallest = 8_000_000;

export interface LogLook {
  times: boolean;
  /** Long lines are broken. */
  wrap: boolean;
  /** Lines of JSON are shown as level, message and fields. */
  json: boolean;
  /** Names of the logs, when there are several. */
  names: readonly string[];
  pattern: RegExp | undefined;
  /** The line of the current match. */
  current: number;
}

/**
 * Draws the lines of a log that are in view, with the DOM itself: a hundred thousand new lines cost one drawing of fifty.
 * Follows the end until somebody scrolls up.
 */
export class LogCanvas {
  readonly #box: HTMLElement;
  #lines: LogLines;
  readonly #spacer = document.createElement('div');
  readonly #sheet = document.createElement('div');
  readonly #resized: ResizeObserver;
  #frame = 0;
  #look: LogLook = { times: false, wrap: false, json: false, names: [], pattern: undefined, current: -1 };
  #following = true;
  #ownScroll = -1;
  #dropped = 0;
  /** Told when following begins or ends. */
  onFollow: (following: boolean) => void = () => undefined;

  constructor(box: HTMLElement, lines: LogLines) {
    this.#box = box;
    this.#lines = lines;
    this.#sheet.className = 'sheet';
    box.append(this.#sheet, this.#spacer);
    box.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#resized = new ResizeObserver(() => this.changed());
    this.#resized.observe(box);
  }

  /** The log or its look has changed: drawn with the next frame. */
  changed(look?: LogLook): void {
    if (look) this.#look = look;
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  /** Other lines take the place of those that are drawn. */
  show(lines: LogLines): void {
    this.#lines = lines;
    this.#dropped = lines.dropped;
    this.follow();
  }

  follow(): void {
    this.#setFollowing(true);
    this.changed();
  }

  /** Brings a line into the middle. */
  goTo(index: number): void {
    this.#setFollowing(false);
    this.#scrollTo((index + 0.5) * lineHeight - this.#box.clientHeight / 2);
    this.changed();
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
    this.#resized.disconnect();
  }

  get #height(): number {
    return this.#lines.length * lineHeight;
  }

  /** Pixels of the log that a pixel of the scroll bar's way stands for. */
  get #scale(): number {
    const visible = this.#box.clientHeight;
    return this.#height <= tallest ? 1 : (this.#height - visible) / (tallest - visible);
  }

  #scrollTo(offset: number): void {
    const most = Math.max(0, Math.min(this.#height, tallest) - this.#box.clientHeight);
    this.#ownScroll = Math.round(Math.max(0, Math.min(most, offset / this.#scale)));
    this.#box.scrollTop = this.#ownScroll;
  }

  #scrolled(): void {
    const { scrollTop, clientHeight } = this.#box;
    if (Math.abs(scrollTop - this.#ownScroll) > 1) {
      this.#ownScroll = -1;
      const end = Math.min(this.#height, tallest) - clientHeight;
      this.#setFollowing(scrollTop >= end - 2);
    }
    this.changed();
  }

  #setFollowing(following: boolean): void {
    if (this.#following === following) return;
    this.#following = following;
    this.onFollow(following);
  }

  #draw(): void {
    this.#frame = 0;
    const { clientHeight } = this.#box;
    this.#spacer.style.height = `${Math.min(this.#height, tallest)}px`;
    const gone = this.#lines.dropped - this.#dropped;
    this.#dropped = this.#lines.dropped;
    if (this.#following) this.#scrollTo(this.#height);
    else if (gone > 0) this.#scrollTo(this.#box.scrollTop * this.#scale - gone * lineHeight);
    const top = this.#box.scrollTop * this.#scale;
    const first = Math.max(0, Math.floor(top / lineHeight) - 2);
    const last = Math.min(this.#lines.length, Math.ceil((top + clientHeight) / lineHeight) + 2);
    const lines: HTMLElement[] = [];
    for (let index = first; index < last; index++) {
      const line = this.#line(index);
      if (!this.#look.wrap) line.style.transform = `translateY(${index * lineHeight - top}px)`;
      lines.push(line);
    }
    if (this.#look.wrap) this.#flow(clientHeight, top - first * lineHeight);
    else this.#sheet.style.cssText = '';
    this.#sheet.replaceChildren(...lines);
  }

  /** Broken lines flow one below the other; the way of the scroll bar still counts whole lines. */
  #flow(height: number, above: number): void {
    const end = this.#following ? 'flex-end' : 'flex-start';
    this.#sheet.style.cssText = `display:flex;flex-direction:column;height:${height}px;overflow:hidden;justify-content:${end}`;
    this.#sheet.style.paddingTop = this.#following ? '0' : `${-Math.min(0, above)}px`;
  }

  #line(index: number): HTMLElement {
    const found = this.#lines.line(index);
    const { text, time, stream, log } = this.#look.json ? withFields(found) : found;
    const line = document.createElement('div');
    const current = index === this.#look.current ? ' current' : '';
    const flow = this.#look.wrap ? ' wrapped' : '';
    line.className = `log-line ${levelOf(plainText(found.text))}${stream === 2 ? ' stderr' : ''}${current}${flow}`;
    if (this.#look.names.length > 0) line.append(piece(this.#look.names[log] ?? '', `name lane-${log % laneColours}`));
    if (this.#look.times && time !== '') line.append(piece(time.slice(0, 23).replace('T', ' '), 'time'));
    for (const styled of styledText(text)) line.append(...this.#marked(styled.text, `text ${styled.classes}`));
    return line;
  }

  #marked(text: string, classes: string): Node[] {
    const { pattern } = this.#look;
    if (!pattern) return [piece(text, classes)];
    const nodes: Node[] = [];
    let at = 0;
    for (const found of text.matchAll(pattern)) {
      if (found[0] === '') continue;
      nodes.push(piece(text.slice(at, found.index), classes));
      const mark = document.createElement('mark');
      mark.textContent = found[0];
      nodes.push(mark);
      at = found.index + found[0].length;
    }
    nodes.push(piece(text.slice(at), classes));
    return nodes;
  }
}

/** Colours by which logs are told apart, beside their names. */
const laneColours = 6;

const withFields = (line: LogLine): LogLine => {
  const fields = jsonLine(line.text);
  return fields === undefined ? line : { ...line, text: fields };
};

function piece(text: string, classes: string): HTMLElement {
  const span = document.createElement('span');
  span.className = classes;
  span.textContent = text;
  return span;
}
