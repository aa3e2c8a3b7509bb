/** Names of what passes between Electron's main program and its window beside the frames of the bridge. */
export const desktopChannels = {
  /** The window asks for its end of the bridge: a message port comes back under the same name. */
  openBridge: 'berth:open-bridge',
  /** Where the window should go: a path of its router. */
  goTo: 'berth:go-to',
} as const;

/** A path of the window's router, from a link like `berth://containers/abc/logs`; undefined for every other text. */
export function pathOfDeepLink(link: string): string | undefined {
  const found =
    /^berth:\/\/(overview|containers|compose|images|volumes|networks|builds|engines|settings|diagnose)((?:\/\w[\w.:-]{0,127}){0,2})\/?$/.exec(
      link,
    );
  return found ? `/${found[1]}${found[2]}` : undefined;
}
