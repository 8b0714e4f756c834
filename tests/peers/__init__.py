"""Real peers for the tests: SIPp, PJSIP, pyVoIP, and a raw socket that obeys nobody.

Nothing here uses `ccd.sip` or `ccd.media`: a peer that shared our code would share our mistakes.
"""
